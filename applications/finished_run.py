"""Reads the folder of a run that is finished."""

import functools
import json
import math
import pathlib
from typing import Any

import keras
import numpy as np

from applications import find_recipe
from applications.settings import Settings
from applications.split_check import changed_parts
from keras_lt import data

ORIGIN = ("seed", "commit", "date", "seconds")
"""What is kept of where a run comes from."""


class FinishedRun:
    """Gives the record and the model of a run, and checks what it is of.

    Args:
        path: Its output folder.
        argument: The setting that named it, for messages.

    Raises:
        ValueError: If the run is not finished.
    """

    def __init__(self, path: str | pathlib.Path, argument: str) -> None:
        self.path = pathlib.Path(path)
        self.argument = argument
        try:
            content = (self.path / "result.json").read_text()
            self.record: dict[str, Any] = json.loads(content)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"`{argument}` must be the output folder of a training that is "
                f"finished. Received: {str(path)!r}, without a result that can "
                f"be read ({error}). Train it to its end first."
            ) from error

    def check_images(
        self,
        application: str,
        split: data.Split,
        evaluation: data.transforms.Transform,
    ) -> None:
        """Raises unless the run was trained on the images of this split.

        Args:
            application: Name of the folder of the recipe.
            split: The data.
            evaluation: What images go through here, without augmentation. What
                went into the network of the run must have been scaled alike.
        """
        self.check_same("application", application, self.record["application"])
        for name, own in split.settings.items():
            # Images that the subset leaves over change nothing in training.
            if name != "validation_per_class":
                flag = "split_seed" if name == "seed" else name
                self.check_same(flag, own, self.record["split"].get(name))
        for name in ("class_names", "class_counts"):
            own = list(getattr(split, name))
            self.check_same(name, own, self.record[name])
        for name in changed_parts(self.record, split):
            if name != "validation":
                raise ValueError(
                    f"`{self.argument}` must be a run on the same images, or "
                    "it was trained on what is tested here. Received: "
                    f"{str(self.path)!r}, which had other {name} images. Train "
                    f"one like this, or leave out --{self.argument}."
                )
        self._check_pixels(split.train.x.shape[1:], evaluation)

    def check_same(self, name: str, own: Any, other: Any) -> None:
        """Raises unless the run has in common what this one needs."""
        if own == other:
            return
        if isinstance(own, list):
            own, other = f"{len(own)} entries", f"others, {len(other)} in all"
        raise ValueError(
            f"`{self.argument}` must be a run of the same application, "
            f"training images and network. Received: {str(self.path)!r}, of "
            f"{name}={other!r}, for one of {own!r}. Train one like this, or "
            f"leave out --{self.argument}."
        )

    @property
    def evaluation(self) -> data.transforms.Transform:
        """What the test images of the run went through."""
        settings = Settings.from_json(self.record["settings"])
        return find_recipe(self.record["application"]).evaluation(settings)

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained model, which is read once.

        Raises:
            ValueError: If it cannot be read.
        """
        path = self.path / "model.keras"
        try:
            return keras.models.load_model(path, compile=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"`{self.argument}` must hold a model that can be read. "
                f"Received: {str(path)!r} ({error}). Train it anew."
            ) from error

    def origin(self) -> dict[str, Any]:
        """Returns what the result of another run says about this one."""
        settings = self.record["settings"]
        return {
            "folder": self.path.name,
            "method": settings["method"],
            "augmentation": settings.get("augmentation", "plain"),
            "epochs": self.record["schedule"]["epochs"],
            "scores": self.record["scores"]["as_trained"],
            **{name: self.record[name] for name in ORIGIN},
        }

    def _check_pixels(
        self, shape: tuple[int, ...], evaluation: data.transforms.Transform
    ) -> None:
        """Raises unless a ramp from black to white comes out alike."""
        ramp = np.linspace(0, 255, math.prod(shape)).astype("uint8")
        image, label = ramp.reshape(1, *shape), np.zeros(1, "int32")
        own, other = (
            one(image, label, np.random.default_rng(0))[0]
            for one in (evaluation, self.evaluation)
        )
        if own.shape != other.shape or not np.allclose(own, other):
            settings = Settings.from_json(self.record["settings"])
            raise ValueError(
                f"`{self.argument}` must be a run whose pixels were scaled as "
                f"they are here. Received: {str(self.path)!r}, of backbone="
                f"{settings.backbone!r} with weights="
                f"{settings.backbone_weights!r}, which takes others. Give both "
                f"networks pixels of one kind, or leave out --{self.argument}."
            )
