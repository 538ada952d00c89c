"""Networks for images of one's own, by name."""

import importlib
from typing import Any

import keras
import numpy as np

from keras_lt import models
from keras_lt.data import transforms

RESNETS = ("resnet20", "resnet32", "resnet44", "resnet56")
"""Small networks of this library, trained from scratch."""


def make_backbone(
    name: str, image_size: tuple[int, int], pretrained: bool
) -> keras.Model:
    """Returns a network without its top.

    Args:
        name: One of `RESNETS`, or the name of a network in
            `keras.applications`, as it is spelt there.
        image_size: Height and width of the images.
        pretrained: Whether to start from ImageNet weights.

    Raises:
        ValueError: If there is no such network, or no weights for it.
    """
    shape = (*image_size, 3)
    if name not in RESNETS:
        network, _ = _network(name)
        return network(
            include_top=False,
            weights="imagenet" if pretrained else None,
            input_shape=shape,
        )
    if pretrained:
        raise ValueError(
            "A pretrained backbone must come from `keras.applications`. "
            f"Received: {name!r}, for which there are no weights. Use, for "
            "instance, EfficientNetB0, or leave out --pretrained."
        )
    return getattr(models, name)(shape)


def make_preprocessing(name: str) -> transforms.Transform:
    """Returns what the images of a network go through."""
    if name in RESNETS:
        return transforms.Normalize(mean=0.45, std=0.25)
    return _Preprocess(_network(name)[1])


class _Preprocess(transforms.Transform):
    """Scales pixels as a network of `keras.applications` was trained with."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.module.preprocess_input(images.astype("float32")), labels


def _network(name: str) -> tuple[Any, Any]:
    modules = [
        importlib.import_module(f"keras.applications.{module}")
        for module in sorted(vars(keras.applications))
        if module.islower() and not module.startswith("_")
    ]
    modules = [one for one in modules if hasattr(one, "preprocess_input")]
    for module in modules:
        if name in vars(module) and name[0].isupper():
            return getattr(module, name), module
    known = sorted(
        attribute
        for module in modules
        for attribute in vars(module)
        if attribute[0].isupper()
    )
    raise ValueError(
        f"The backbone must be one of {', '.join(RESNETS)}, or one of "
        f"keras.applications: {', '.join(dict.fromkeys(known))}. Received: "
        f"{name!r}."
    )
