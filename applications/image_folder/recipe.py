"""A classifier for a folder of one's own images, a folder per class."""

import dataclasses

from applications.backbones import make_preprocessing
from applications.recipe import Recipe
from applications.schedules import SCHEDULES
from applications.schedules import Schedule
from applications.settings import Settings
from keras_lt import data
from keras_lt.data import transforms

TEST_FRACTION = 0.2
"""Share of each class that is tested on, where there is no folder `test`."""

BACKBONE = "resnet20"
IMAGE_SIZE = (64, 64)

FINE_TUNING_FACTOR = 10
"""How much lower the rate is for a network that is trained already."""


def _filled(settings: Settings) -> Settings:
    return dataclasses.replace(
        settings,
        backbone=settings.backbone or BACKBONE,
        image_size=settings.image_size or IMAGE_SIZE,
    )


def _schedule(settings: Settings) -> Schedule:
    schedule = SCHEDULES[settings.schedule or "short"]
    if not settings.backbone_weights:
        return schedule
    rate = schedule.learning_rate / FINE_TUNING_FACTOR
    return dataclasses.replace(schedule, learning_rate=rate)


def _transform(
    settings: Settings, training: str | bool
) -> transforms.Transform:
    own = make_preprocessing(settings.backbone)
    if not training:
        return own
    crop = transforms.RandomCrop(max(settings.image_size) // 8)
    return transforms.Compose([crop, transforms.RandomFlip(), own])


def _read(settings: Settings) -> data.Split:
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


RECIPE = Recipe(
    name="image_folder",
    read=_read,
    transform=_transform,
    schedule=_schedule,
    filled=_filled,
)
