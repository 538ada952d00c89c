"""What the recipes of ImageNet-LT, iNaturalist and Places-LT share.

Their images do not fit in memory. They stay on the disk, are chosen by row,
and are decoded and augmented in threads while the network trains.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from applications.backbones import RESNETS
from applications.backbones import make_preprocessing
from applications.methods import combine
from applications.recipe import Recipe
from applications.schedules import SCHEDULES
from applications.schedules import Schedule
from applications.settings import Settings
from keras_lt import data
from keras_lt.data import transforms
from keras_lt.data.prepared import find_prepared

IMAGE_SIZE = (224, 224)
SCHEDULE = "decoupling"

EXITS = {
    "ResNet50": ("conv3_block4_out", "conv4_block6_out"),
    "ResNet101": ("conv3_block4_out", "conv4_block23_out"),
    "ResNet152": ("conv3_block8_out", "conv4_block36_out"),
}
"""Ends of the two stages before the last, where exits go by default."""


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Holds in what one of the benchmarks differs from the others.

    Args:
        name: Of the folder of the recipe.
        num_classes: Number of classes.
        lists: Names of the published lists, by part, without `.txt`.
        tfds_name: What TensorFlow Datasets calls it, if it knows it.
        tfds_parts: Names of its splits, by part.
        backbone: Network that is trained if none is asked for.
        colors: Whether the plain augmentation jitters the colours.
        mean: Of the channels, for pixels from 0 to 1.
        std: Of the channels, for pixels from 0 to 1.
        schedules: In what its schedules differ from those of ImageNet-LT.
    """

    name: str
    num_classes: int
    lists: Mapping[str, str]
    tfds_name: str | None = None
    tfds_parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    backbone: str = "ResNet50"
    colors: bool = True
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)
    schedules: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )

    def recipe(self) -> Recipe:
        """Returns what trains on it."""
        return Recipe(
            name=self.name,
            read=self.read,
            transform=self.transform,
            schedule=self.schedule,
            filled=self.filled,
            has_strong=True,
        )

    def filled(self, settings: Settings) -> Settings:
        """Returns the settings, with what is not asked for filled in."""
        backbone = settings.backbone or self.backbone
        exits = settings.exits
        if combine(settings.method).exits and exits == Settings.exits:
            exits = EXITS.get(backbone, exits)
        return dataclasses.replace(
            settings,
            backbone=backbone,
            image_size=settings.image_size or IMAGE_SIZE,
            schedule=settings.schedule or SCHEDULE,
            exits=exits,
        )

    def schedule(self, settings: Settings) -> Schedule:
        """Returns the schedule that filled settings name."""
        changes = self.schedules.get(settings.schedule, {})
        return dataclasses.replace(SCHEDULES[settings.schedule], **changes)

    def transform(
        self, settings: Settings, training: str | bool
    ) -> transforms.Transform:
        """Returns what images go through, augmented or not."""
        if training == "plain" and not self.colors:
            training = "crop"
        normalize = None
        if settings.backbone not in RESNETS:
            own = make_preprocessing(settings.backbone)
            if settings.backbone_weights or _leaves_pixels(own):
                normalize = own
        return transforms.imagenet(
            training, self.mean, self.std, normalize=normalize
        )

    def read(self, settings: Settings) -> data.Split:
        """Returns the split; images are read when they are needed.

        It is looked for, without ever downloading, as TensorFlow Datasets
        prepares it in `data_dir`; as the published lists and the images there;
        and as TensorFlow Datasets prepares it in its usual folder.
        """
        _refuse_subsets(self, settings)
        folder = settings.data_dir or os.environ.get("KERAS_LT_DATA")
        options = {
            "image_size": settings.image_size,
            "validation_fraction": settings.validation_fraction,
            "seed": settings.split_seed,
        }
        lists = {} if folder is None else _lists(self, pathlib.Path(folder))
        if folder is not None and _is_prepared(self, folder):
            split = _prepared(self, folder, options)
        elif lists:
            split = data.from_list(
                **lists, root=folder, name=self.name, **options
            )
        elif _is_prepared(self, None):
            split = _prepared(self, None, options)
        else:
            raise _not_found(self, folder)
        if split.num_classes != self.num_classes:
            raise ValueError(
                f"{self.name} must have {self.num_classes} classes. Received: "
                f"{split.num_classes}. Check which data `data_dir` has."
            )
        return split


def _leaves_pixels(preprocessing: transforms.Transform) -> bool:
    """Whether it does nothing, as for a network that scales pixels inside."""
    images = np.zeros((1, 1, 2, 3), "float32")
    images[:, :, 1] = 255.0
    scaled, _ = preprocessing(images, np.zeros(1))
    return np.array_equal(scaled, images)


def _is_prepared(benchmark: Benchmark, folder: str | None) -> bool:
    name = benchmark.tfds_name
    return name is not None and find_prepared(name, folder) is not None


def _prepared(
    benchmark: Benchmark, folder: str | None, options: Mapping[str, Any]
) -> data.Split:
    return data.from_tfds(
        benchmark.tfds_name, data_dir=folder, **benchmark.tfds_parts, **options
    )


def _lists(
    benchmark: Benchmark, folder: pathlib.Path
) -> dict[str, pathlib.Path]:
    """Returns the lists by part if all are there, or else none."""
    found = {}
    for part, name in benchmark.lists.items():
        for ending in (".txt", ".txt.gz"):
            if (folder / f"{name}{ending}").exists():
                found[part] = folder / f"{name}{ending}"
    return found if set(found) == set(benchmark.lists) else {}


def _refuse_subsets(benchmark: Benchmark, settings: Settings) -> None:
    changed = settings.changed()
    for name in ("imbalance_factor", "profile", "validation_per_class"):
        if name in changed:
            raise ValueError(
                f"`{name}` must be left out, as {benchmark.name} is as "
                "imbalanced as it was published. Received: "
                f"{name}={changed[name]!r}. Leave out --{name}."
            )
    if settings.validation_fraction and "validation" in benchmark.lists:
        raise ValueError(
            "`validation_fraction` must be left out, as images to choose "
            f"settings on are published for {benchmark.name}. Received: "
            f"validation_fraction={settings.validation_fraction}."
        )


def _not_found(benchmark: Benchmark, folder: str | None) -> ValueError:
    names = ", ".join(f"{name}.txt" for name in benchmark.lists.values())
    prepared = ""
    if benchmark.tfds_name is not None:
        prepared = (
            f"what `tfds build {benchmark.tfds_name} "
            "--file_format=array_record` makes, or "
        )
    return ValueError(
        f"`data_dir` must hold {prepared}the lists {names} (or .txt.gz) and "
        f"the images that they name. Received: {folder!r}, which does not. "
        "Pass --data_dir; applications/"
        f"{benchmark.name}/README.md says where to get them."
    )
