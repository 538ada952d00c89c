"""Operations of AutoAugment and RandAugment, by name and level 0 to 10."""

from collections.abc import Callable

import keras
import numpy as np

from keras_lt.data.transforms import _pixel_operations as pixels
from keras_lt.types import Tensor

CIFAR_MEAN = (125, 123, 114)
"""The mean colour of CIFAR, in bytes: what fills up a moved image."""

_Leveled = Callable[
    [np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray
]
_Move = Callable[[np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]


def apply(
    images: np.ndarray,
    names: np.ndarray,
    levels: np.ndarray,
    signs: np.ndarray,
    fill: np.ndarray,
) -> np.ndarray:
    """Applies one operation to each image.

    Args:
        images: Raw pixels, uint8.
        names: Name of the operation of each image; `""` leaves it.
        levels: Level of each image, 0 to 10.
        signs: Direction of a move of each image, -1 or 1.
        fill: Byte per channel, for what comes from outside.
    """
    result = images.copy()
    for name in sorted(set(names.tolist()) - {""}):
        own = np.flatnonzero(names == name)
        result[own] = OPERATIONS[name](
            images[own], levels[own], signs[own], fill
        )
    return result


def check_bytes(images: Tensor, name: str) -> None:
    """Raises if the images are not raw pixels, grey or RGB."""
    dtype = keras.ops.dtype(images)
    if dtype != "uint8" or len(images.shape) != 4:
        raise ValueError(
            f"`{name}` needs raw pixels: uint8 of shape (batch, height, width, "
            f"channels). Received: {dtype} of shape {tuple(images.shape)}. Put "
            "it before `Normalize`."
        )
    if images.shape[-1] not in (1, 3):
        raise ValueError(
            f"`{name}` needs grey or RGB images. Received: "
            f"{images.shape[-1]} channels. Leave it out for such images."
        )


def fill_of(fill: np.ndarray, channels: int) -> np.ndarray:
    """Returns the colour for images: its mean if they are grey."""
    grey = channels == 1 and fill.ndim == 1
    return fill.mean(keepdims=True).astype("uint8") if grey else fill


def enhancement(levels: np.ndarray) -> np.ndarray:
    """Returns the factors of brightness, color, contrast and sharpness."""
    return levels * 1.8 / 10 + 0.1


def bits(levels: np.ndarray) -> np.ndarray:
    """Returns how many bits of a byte posterizing keeps, 1 or more."""
    return np.maximum(4 - _whole(levels, 4), 1)


def threshold(levels: np.ndarray) -> np.ndarray:
    """Returns the byte from which on solarizing inverts."""
    return 256 - _whole(levels, 256)


def _whole(levels: np.ndarray, greatest: float) -> np.ndarray:
    return np.floor(levels * greatest / 10)


def _shear(axis: int) -> _Move:
    def matrices(
        levels: np.ndarray, signs: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        result = _identities(len(levels))
        result[:, (1, 3)[axis]] = signs * levels * 0.3 / 10
        return result

    return matrices


def _translate(axis: int) -> _Move:
    def matrices(
        levels: np.ndarray, signs: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        # 10 of 32 pixels in the paper; in proportion for other sizes.
        greatest = size[1 - axis] * 10 / 32
        result = _identities(len(levels))
        result[:, (2, 5)[axis]] = signs * _whole(levels, greatest)
        return result

    return matrices


def _rotate(
    levels: np.ndarray, signs: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    return pixels.rotation_matrices(signs * _whole(levels, 30), *size)


def _identities(count: int) -> np.ndarray:
    return np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (count, 1))


MOVES: dict[str, _Move] = {
    "rotate": _rotate,
    "shear_x": _shear(0),
    "shear_y": _shear(1),
    "translate_x": _translate(0),
    "translate_y": _translate(1),
}
"""Levels, signs and `(height, width)` to matrices `(batch, 6)`."""


def _move(name: str) -> _Leveled:
    def operation(
        images: np.ndarray,
        levels: np.ndarray,
        signs: np.ndarray,
        fill: np.ndarray,
    ) -> np.ndarray:
        height, width = images.shape[1:3]
        matrices = MOVES[name](levels, signs, (height, width))
        return pixels.affine(images, matrices, fill)

    return operation


OPERATIONS: dict[str, _Leveled] = {
    "autocontrast": lambda images, *_: pixels.autocontrast(images),
    "brightness": lambda images, levels, *_: pixels.brightness(
        images, enhancement(levels)
    ),
    "color": lambda images, levels, *_: pixels.color(
        images, enhancement(levels)
    ),
    "contrast": lambda images, levels, *_: pixels.contrast(
        images, enhancement(levels)
    ),
    "equalize": lambda images, *_: pixels.equalize(images),
    "identity": lambda images, *_: images,
    "invert": lambda images, *_: 255 - images,
    "posterize": lambda images, levels, *_: pixels.posterize(
        images, bits(levels)
    ),
    "sharpness": lambda images, levels, *_: pixels.sharpness(
        images, enhancement(levels)
    ),
    "solarize": lambda images, levels, *_: pixels.solarize(
        images, threshold(levels)
    ),
    **{name: _move(name) for name in MOVES},
}
