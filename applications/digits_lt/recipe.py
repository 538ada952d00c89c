"""A small network on long-tailed handwritten digits of 8 x 8 pixels."""

import dataclasses

import keras

from applications.cbd import find_teachers
from applications.cbd import student_projection
from applications.digits_lt.network import digits_network
from applications.experiment import train_and_judge
from applications.methods import combine
from applications.networks import network
from applications.refusals import refuse_network
from applications.refusals import refuse_strong
from applications.refusals import refuse_without_use
from applications.result import Result
from applications.schedules import SCHEDULES
from applications.schedules import SHORT
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import data
from keras_lt.data import transforms

IMBALANCE_FACTOR = 50
"""144 images of the digit 0, down to 2 of the digit 9."""

SCHEDULE = dataclasses.replace(SHORT, epochs=25, batch_size=32)
"""The set is small: 399 images make 13 steps an epoch."""

NORMALIZE = transforms.Normalize(mean=0.3, std=0.38)


def run(settings: Settings) -> Result:
    """Trains and judges."""
    refuse_network(settings, "digits_lt")
    method = combine(settings.method)
    schedule = SCHEDULES.get(settings.schedule, SCHEDULE).as_set(settings)
    split = load(settings)
    refuse_without_use(settings, split)
    teachers = find_teachers("digits_lt", settings)
    keras.utils.set_random_seed(settings.seed)
    backbone = digits_network()
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
            application="digits_lt",
            model=model,
            split=split,
            augmentation=transforms.Compose(
                [transforms.RandomCrop(1), NORMALIZE]
            ),
            evaluation=evaluation(settings),
            method=method,
            schedule=schedule,
            settings=settings,
            teachers=teachers,
        )
    )


def load(settings: Settings) -> data.Split:
    """Returns the split."""
    refuse_strong(settings, "digits_lt")
    return data.load(
        "digits_lt",
        imbalance_factor=settings.imbalance_factor or IMBALANCE_FACTOR,
        profile=settings.profile,
        validation_fraction=settings.validation_fraction,
        validation_per_class=settings.validation_per_class,
        seed=settings.split_seed,
    )


def evaluation(settings: Settings) -> transforms.Transform:
    """Returns what test images go through."""
    return NORMALIZE
