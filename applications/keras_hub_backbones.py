"""Networks of keras-hub, by the names of its presets.

A preset is a folder with the arguments of a network, its weights, and what its
images go through, which keras-hub downloads. Of the networks in `KNOWN` the
arguments are here, so that they can be trained from scratch, or from a file,
without a download. Of other presets, all is read from the preset; it may be a
folder of one's own, too.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.data import transforms

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""Of the channels, from 0 to 1, as most networks of PyTorch were trained."""

HALF = {"mean": 0.5, "std": 0.5}
"""To pixels from -1 to 1."""


@dataclasses.dataclass(frozen=True)
class _Network:
    """Holds the arguments of a network, and how its pixels are scaled.

    Args:
        kind: Name of the class in `keras_hub.models`.
        arguments: All but the size of the images.
        scaling: Mean and standard deviation of pixels from 0 to 1.
        has_weights: Whether there are published weights under its name.
    """

    kind: str
    arguments: Mapping[str, Any]
    scaling: Mapping[str, Any]
    has_weights: bool = True


def _resnet(
    blocks: Sequence[int], block: str, has_weights: bool = True
) -> _Network:
    arguments = {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 128, 256, 512],
        "stackwise_num_blocks": list(blocks),
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": block,
    }
    return _Network("ResNetBackbone", arguments, IMAGENET, has_weights)


def _vit(
    patch: int, layers: int, heads: int, dim: int, has_weights: bool = True
) -> _Network:
    arguments = {
        "patch_size": patch,
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": dim,
        "mlp_dim": 4 * dim,
    }
    return _Network("ViTBackbone", arguments, HALF, has_weights)


KNOWN = {
    # Where no name of a preset ends, nobody has published weights.
    "resnet_10": _resnet([1, 1, 1, 1], "basic_block", False),
    "resnet_18_imagenet": _resnet([2, 2, 2, 2], "basic_block"),
    "resnet_34": _resnet([3, 4, 6, 3], "basic_block", False),
    "resnet_50_imagenet": _resnet([3, 4, 6, 3], "bottleneck_block"),
    "resnet_101_imagenet": _resnet([3, 4, 23, 3], "bottleneck_block"),
    "resnet_152_imagenet": _resnet([3, 8, 36, 3], "bottleneck_block"),
    "vit_tiny_patch16": _vit(16, 12, 3, 192, False),
    "vit_small_patch16": _vit(16, 12, 6, 384, False),
    "vit_base_patch16_224_imagenet": _vit(16, 12, 12, 768),
    "vit_base_patch16_224_imagenet21k": _vit(16, 12, 12, 768),
    "vit_base_patch32_224_imagenet21k": _vit(32, 12, 12, 768),
    "vit_large_patch16_224_imagenet": _vit(16, 24, 16, 1024),
}
"""Networks that need no download but for weights."""

NAMES = tuple(KNOWN)


def make(
    name: str, image_size: tuple[int, int], published: bool
) -> keras.Model:
    """Returns a network, with published weights if asked for.

    Raises:
        ValueError: If there is no such preset, none with weights, or its
            weights are for images of another size.
    """
    hub = _keras_hub()
    shape = (*image_size, 3)
    known = KNOWN.get(name)
    if known is not None and not published:
        kind = getattr(hub.models, known.kind)
        return kind(image_shape=shape, **known.arguments)
    if known is not None and not known.has_weights:
        raise ValueError(
            "A pretrained backbone must have published weights. Received: "
            f"keras_hub/{name}, which has none. Use, for instance, "
            "keras_hub/resnet_18_imagenet, pass a file of your own as "
            "--pretrained_weights, or leave out --pretrained."
        )
    try:
        return hub.models.Backbone.from_preset(
            name, load_weights=published, image_shape=shape
        )
    except ValueError as error:
        raise ValueError(
            "A backbone of keras-hub must be one of "
            f"{', '.join(KNOWN)}, or the preset of a network of images, or a "
            f"folder with one, which takes images of {image_size}. Received: "
            f"{name!r}. What keras-hub says: {error}"
        ) from error


def preprocessing(name: str) -> transforms.Transform:
    """Returns what the images of a network go through."""
    if name in KNOWN:
        return transforms.Normalize(**KNOWN[name].scaling)
    converter = _keras_hub().layers.ImageConverter.from_preset(name)
    # It computes `pixels * scale + offset`, and each may be left out.
    scale = np.asarray(1.0 if converter.scale is None else converter.scale)
    offset = np.asarray(0.0 if converter.offset is None else converter.offset)
    return transforms.Normalize(-offset / scale, 1.0 / scale, scale=1.0)


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise ValueError(
            "Backbones after `keras_hub/` need keras-hub. Received: "
            f"{error}. Run `pip install keras-hub`."
        ) from error
    return keras_hub
