"""Networks for images of one's own, by name.

- `resnet20` and its relatives: small networks of this library.
- `EfficientNetB0`, `ResNet50` and others: those of `keras.applications`.
- `keras_hub/resnet_18_imagenet`, `keras_hub/vit_base_patch16_224_imagenet`:
  those of keras-hub (`applications.keras_hub_backbones`).
- `keras_cv/resnet18`: those of keras-cv (`applications.keras_cv_backbones`).
"""

import importlib
import os
import pathlib
from typing import Any

import keras
import numpy as np

from applications import keras_cv_backbones
from applications import keras_hub_backbones
from applications.downloads import downloading
from keras_lt import models
from keras_lt.data import transforms

RESNETS = ("resnet20", "resnet32", "resnet44", "resnet56")
"""Small networks of this library, trained from scratch."""

LIBRARIES = {
    "keras_hub": keras_hub_backbones,
    "keras_cv": keras_cv_backbones,
}
"""Modules that make networks of other libraries, by what is before a slash."""


def make_backbone(
    name: str,
    image_size: tuple[int, int],
    pretrained: bool | str | os.PathLike[str],
) -> keras.Model:
    """Returns a network without its top.

    Args:
        name: One of `RESNETS`, the name of a network in `keras.applications`,
            as it is spelt there, or that of one in another library, after
            `keras_hub/` or `keras_cv/`.
        image_size: Height and width of the images.
        pretrained: Whether to start from published weights, which are
            downloaded unless they were before; or a file with weights of this
            network.

    Raises:
        ValueError: If there is no such network, no published weights for it,
            or the file is of another one.
        ConnectionError: If weights cannot be downloaded.
    """
    published = pretrained is True
    path = None if isinstance(pretrained, bool) else pathlib.Path(pretrained)
    if path is not None and not path.is_file():
        raise ValueError(
            "`pretrained_weights` must be a file. Received: "
            f"{str(path)!r}, which is not there."
        )
    library, _, own = name.partition("/")
    if library in LIBRARIES and own:
        with downloading(name):
            network = LIBRARIES[library].make(own, image_size, published)
    elif name in RESNETS:
        network = _resnet(name, image_size, published)
    else:
        make, _ = _network(name)
        with downloading(name):
            network = make(
                include_top=False,
                weights="imagenet" if published else None,
                input_shape=(*image_size, 3),
            )
    if path is not None:
        _load_weights(network, name, path)
    if type(network).__name__ in ("ViTBackbone", "DINOV2Backbone"):
        return models.TransformerBackbone(network)
    return network


def make_preprocessing(name: str) -> transforms.Transform:
    """Returns what the images of a network go through.

    Raises:
        ValueError: If there is no such network.
        ConnectionError: If what belongs to a preset cannot be downloaded.
    """
    if name in RESNETS:
        return transforms.Normalize(mean=0.45, std=0.25)
    library, _, own = name.partition("/")
    if library in LIBRARIES and own:
        with downloading(name):
            return LIBRARIES[library].preprocessing(own)
    return _Preprocess(_network(name)[1])


class _Preprocess(transforms.Transform):
    """Scales pixels as a network of `keras.applications` was trained with."""

    random = False

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.module.preprocess_input(images.astype("float32")), labels


def _resnet(
    name: str, image_size: tuple[int, int], published: bool
) -> keras.Model:
    if published:
        raise ValueError(
            "A pretrained backbone must come from `keras.applications`, "
            f"keras-hub or keras-cv. Received: {name!r}, for which there are "
            "no weights. Use, for instance, EfficientNetB0, pass a file of "
            "your own as --pretrained_weights, or leave out --pretrained."
        )
    return getattr(models, name)((*image_size, 3))


def _load_weights(network: keras.Model, name: str, path: pathlib.Path) -> None:
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"`pretrained_weights` must be weights of {name!r} without its "
            "top, as `save_weights` of the backbone writes them, or the "
            f"download of keras.applications. Received: {str(path)!r}, which "
            f"cannot be loaded ({str(error).partition(chr(10))[0]})."
        ) from error


def _network(name: str) -> tuple[Any, Any]:
    """Returns what makes a network, and the module that it belongs to."""
    known = [one for one in vars(keras.applications) if one[0].isupper()]
    if name in known:
        make = getattr(keras.applications, name)
        module = make.__module__.rpartition(".")[2]
        return make, importlib.import_module(f"keras.applications.{module}")
    others = [
        f"{library}/{own}"
        for library, module in LIBRARIES.items()
        for own in module.NAMES
    ]
    raise ValueError(
        f"The backbone must be one of {', '.join(RESNETS)}; one of "
        f"keras.applications: {', '.join(sorted(known))}; one of "
        f"{', '.join(others)}, or another preset of keras-hub after "
        f"`keras_hub/`. Received: {name!r}."
    )
