"""Networks of keras-cv, by the names of its presets.

The arguments of the networks are here, as keras-cv would download even these.
They scale pixels from 0 to 255 themselves. keras-cv is no longer developed; it
runs on TensorFlow and JAX.
"""

from typing import Any

import keras

from keras_lt.data import transforms

BLOCKS = {
    "resnet18": ("basic_block", [2, 2, 2, 2]),
    "resnet34": ("basic_block", [3, 4, 6, 3]),
    "resnet50": ("block", [3, 4, 6, 3]),
    "resnet101": ("block", [3, 4, 23, 3]),
    "resnet18_v2": ("basic_block", [2, 2, 2, 2]),
    "resnet34_v2": ("basic_block", [3, 4, 6, 3]),
    "resnet50_v2": ("block", [3, 4, 6, 3]),
    "resnet101_v2": ("block", [3, 4, 23, 3]),
}
"""Kind and number of the residual blocks of each network."""

NAMES = tuple(BLOCKS)

WITH_WEIGHTS = ("resnet50", "resnet50_v2")
"""Networks with published weights."""


def make(
    name: str, image_size: tuple[int, int], published: bool
) -> keras.Model:
    """Returns a network, with published weights if asked for.

    Raises:
        ValueError: If there is no such network, or there are no weights.
    """
    _check_name(name)
    cv = _keras_cv()
    kind = "ResNetV2Backbone" if name.endswith("_v2") else "ResNetBackbone"
    backbone = getattr(cv.models, kind)
    shape = (*image_size, 3)
    if published:
        if name not in WITH_WEIGHTS:
            raise ValueError(
                "A pretrained backbone of keras-cv must be one of "
                f"{', '.join(WITH_WEIGHTS)}. Received: keras_cv/{name}. Use "
                "one of these, or leave out --pretrained."
            )
        return backbone.from_preset(f"{name}_imagenet", input_shape=shape)
    block, blocks = BLOCKS[name]
    return backbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=blocks,
        stackwise_strides=[1, 2, 2, 2],
        block_type=block,
        include_rescaling=True,
        input_shape=shape,
    )


def preprocessing(name: str) -> transforms.Transform:
    """Returns what the images of a network go through."""
    _check_name(name)
    return transforms.Normalize(mean=0.0, std=1.0, scale=1.0)


def _check_name(name: str) -> None:
    if name not in BLOCKS:
        raise ValueError(
            f"A backbone of keras-cv must be one of {', '.join(NAMES)}. "
            f"Received: {name!r}. keras-hub has more, after `keras_hub/`."
        )


def _keras_cv() -> Any:
    try:
        import keras_cv
    except ImportError as error:
        raise ValueError(
            "Backbones after `keras_cv/` need keras-cv, which does not run on "
            f"every backend. Received: {error}. Run `pip install keras-cv`, "
            "or use a backbone of keras-hub."
        ) from error
    return keras_cv
