"""A small network on long-tailed handwritten digits of 8 x 8 pixels."""

import dataclasses

from applications.digits_lt.network import digits_network
from applications.recipe import Recipe
from applications.schedules import SCHEDULES
from applications.schedules import SHORT
from applications.settings import Settings
from keras_lt import data
from keras_lt.data import transforms

IMBALANCE_FACTOR = 50
"""144 images of the digit 0, down to 2 of the digit 9."""

SCHEDULE = dataclasses.replace(SHORT, epochs=25, batch_size=32)
"""The set is small: 399 images make 13 steps an epoch."""

NORMALIZE = transforms.Normalize(mean=0.3, std=0.38)
AUGMENT = transforms.Compose([transforms.RandomCrop(1), NORMALIZE])


def _read(settings: Settings) -> data.Split:
    return data.load(
        "digits_lt",
        imbalance_factor=settings.imbalance_factor or IMBALANCE_FACTOR,
        profile=settings.profile,
        validation_fraction=settings.validation_fraction,
        validation_per_class=settings.validation_per_class,
        seed=settings.split_seed,
    )


RECIPE = Recipe(
    name="digits_lt",
    read=_read,
    transform=lambda settings, training: AUGMENT if training else NORMALIZE,
    schedule=lambda settings: SCHEDULES.get(settings.schedule, SCHEDULE),
    backbone=digits_network,
)
