"""A classifier for a folder of one's own images, a folder per class."""

import dataclasses

import keras

from applications.backbones import make_backbone
from applications.backbones import make_preprocessing
from applications.cbd import find_teachers
from applications.cbd import student_projection
from applications.experiment import train_and_judge
from applications.methods import combine
from applications.networks import network
from applications.refusals import refuse_strong
from applications.refusals import refuse_without_use
from applications.result import Result
from applications.schedules import SCHEDULES
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import data
from keras_lt.data import transforms

TEST_FRACTION = 0.2
"""Share of each class that is tested on, where there is no folder `test`."""

BACKBONE = "resnet20"
IMAGE_SIZE = (64, 64)

FINE_TUNING_FACTOR = 10
"""How much lower the rate is for a network that is trained already."""


def run(settings: Settings) -> Result:
    """Trains and judges on the images of `settings.data_dir`."""
    settings = _filled(settings)
    method = combine(settings.method)
    schedule = SCHEDULES[settings.schedule or "short"].as_set(settings)
    if settings.backbone_weights:
        schedule = dataclasses.replace(
            schedule,
            learning_rate=schedule.learning_rate / FINE_TUNING_FACTOR,
        )
    split = load(settings)
    refuse_without_use(settings, split)
    teachers = find_teachers("image_folder", settings)
    keras.utils.set_random_seed(settings.seed)
    backbone = make_backbone(
        settings.backbone, settings.image_size, settings.backbone_weights
    )
    model = network(
        backbone,
        split.num_classes,
        method,
        schedule.weight_decay,
        settings,
        student_projection(backbone, teachers, settings),
    )
    augmentation = [
        transforms.RandomCrop(max(settings.image_size) // 8),
        transforms.RandomFlip(),
        evaluation(settings),
    ]
    return train_and_judge(
        Setup(
            application="image_folder",
            model=model,
            split=split,
            augmentation=transforms.Compose(augmentation),
            evaluation=evaluation(settings),
            method=method,
            schedule=schedule,
            settings=settings,
            teachers=teachers,
        )
    )


def load(settings: Settings) -> data.Split:
    """Returns the split; images are read when they are needed."""
    settings = _filled(settings)
    refuse_strong(settings, "image_folder")
    if settings.data_dir is None:
        raise ValueError(
            "`data_dir` must be the folder that holds a folder of images per "
            "class. Received: None. Pass --data_dir."
        )
    for name in ("imbalance_factor", "profile"):
        if name in settings.changed():
            raise ValueError(
                f"`{name}` must be left out, as one's own images are as "
                "imbalanced as they are. Received: "
                f"{name}={getattr(settings, name)!r}. Leave out --{name}."
            )
    if settings.validation_per_class:
        raise ValueError(
            "`validation_per_class` must be left out, as no subset of one's "
            "own images is taken that could leave some over. Received: "
            f"validation_per_class={settings.validation_per_class}. Pass "
            "--validation_fraction instead."
        )
    return data.from_directory(
        settings.data_dir,
        validation_fraction=settings.validation_fraction,
        test_fraction=TEST_FRACTION,
        image_size=settings.image_size,
        seed=settings.split_seed,
    )


def evaluation(settings: Settings) -> transforms.Transform:
    """Returns what test images go through."""
    return make_preprocessing(_filled(settings).backbone)


def _filled(settings: Settings) -> Settings:
    return dataclasses.replace(
        settings,
        backbone=settings.backbone or BACKBONE,
        image_size=settings.image_size or IMAGE_SIZE,
    )
