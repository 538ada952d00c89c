"""What the recipes of CIFAR-10 and CIFAR-100 share."""

import keras

from applications.cbd import find_teachers
from applications.cbd import student_projection
from applications.experiment import train_and_judge
from applications.methods import combine
from applications.networks import network
from applications.refusals import refuse_network
from applications.refusals import refuse_without_use
from applications.result import Result
from applications.schedules import SCHEDULES
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import data
from keras_lt import models
from keras_lt.data import transforms

IMBALANCE_FACTOR = 100
"""What most papers report first; 50 and 10 are the others."""


def run(name: str, settings: Settings) -> Result:
    """Trains a ResNet-32 on `cifar10_lt` or `cifar100_lt`, and judges it."""
    refuse_network(settings, name)
    method = combine(settings.method)
    schedule = SCHEDULES[settings.schedule or "short"].as_set(settings)
    split = load(name, settings)
    refuse_without_use(settings, split)
    teachers = find_teachers(name, settings)
    keras.utils.set_random_seed(settings.seed)
    backbone = models.resnet32((32, 32, 3))
    model = network(
        backbone,
        split.num_classes,
        method,
        schedule.weight_decay,
        settings,
        student_projection(backbone, teachers, settings),
    )
    return train_and_judge(
        Setup(
            application=name,
            model=model,
            split=split,
            augmentation=transforms.cifar(training=settings.augmentation),
            evaluation=evaluation(settings),
            method=method,
            schedule=schedule,
            settings=settings,
            teachers=teachers,
        )
    )


def load(name: str, settings: Settings) -> data.Split:
    """Returns the split of `cifar10_lt` or `cifar100_lt`."""
    return data.load(
        name,
        imbalance_factor=settings.imbalance_factor or IMBALANCE_FACTOR,
        profile=settings.profile,
        data_dir=settings.data_dir,
        validation_fraction=settings.validation_fraction,
        validation_per_class=settings.validation_per_class,
        seed=settings.split_seed,
    )


def evaluation(settings: Settings) -> transforms.Transform:
    """Returns what test images go through."""
    return transforms.cifar(training=False)
