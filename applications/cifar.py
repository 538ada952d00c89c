"""What the recipes of CIFAR-10 and CIFAR-100 share."""

import functools

from applications.recipe import Recipe
from applications.schedules import SCHEDULES
from applications.settings import Settings
from keras_lt import data
from keras_lt import models
from keras_lt.data import transforms

IMBALANCE_FACTOR = 100
"""What most papers report first; 50 and 10 are the others."""


def make_recipe(name: str) -> Recipe:
    """Returns that of a ResNet-32 on `cifar10_lt` or `cifar100_lt`."""
    return Recipe(
        name=name,
        read=functools.partial(_read, name),
        transform=lambda settings, training: transforms.cifar(training),
        schedule=lambda settings: SCHEDULES[settings.schedule or "short"],
        backbone=lambda: models.resnet32((32, 32, 3)),
        has_strong=True,
    )


def _read(name: str, settings: Settings) -> data.Split:
    return data.load(
        name,
        imbalance_factor=settings.imbalance_factor or IMBALANCE_FACTOR,
        profile=settings.profile,
        data_dir=settings.data_dir,
        validation_fraction=settings.validation_fraction,
        validation_per_class=settings.validation_per_class,
        seed=settings.split_seed,
    )
