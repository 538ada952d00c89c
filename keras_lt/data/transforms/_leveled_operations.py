"""Operations of AutoAugment and RandAugment, by name and level 0 to 10."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms import _pixel_operations as pixels

CIFAR_MEAN = (125, 123, 114)
"""The mean colour of CIFAR, in bytes: what fills up a moved image."""

_Leveled = Callable[
    [np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray
]


def apply(
    images: np.ndarray,
    names: np.ndarray,
    levels: np.ndarray,
    fill: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Applies one operation to each image.

    Args:
        images: Raw pixels, uint8.
        names: Name of the operation of each image; `""` leaves it.
        levels: Level of each image, 0 to 10.
        fill: Byte per channel, for what comes from outside.
        generator: Decides the directions of moves.
    """
    signs = generator.choice([-1.0, 1.0], size=len(images))
    result = images.copy()
    for name in sorted(set(names.tolist()) - {""}):
        own = np.flatnonzero(names == name)
        result[own] = OPERATIONS[name](
            images[own], levels[own], signs[own], fill
        )
    return result


def check_bytes(images: np.ndarray, name: str) -> None:
    """Raises if the images are not raw pixels, grey or RGB."""
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(
            f"`{name}` needs raw pixels: uint8 of shape (batch, height, width, "
            f"channels). Received: {images.dtype} of shape {images.shape}. Put "
            "it before `Normalize`."
        )
    if images.shape[-1] not in (1, 3):
        raise ValueError(
            f"`{name}` needs grey or RGB images. Received: "
            f"{images.shape[-1]} channels. Leave it out for such images."
        )


def check_fill(fill: int | Sequence[int]) -> np.ndarray:
    """Returns the colour as bytes, or raises if it is none."""
    values = np.asarray(fill)
    if values.ndim > 1 or values.min() < 0 or values.max() > 255:
        raise ValueError(
            "`fill` must be a number from 0 to 255, or one per channel. "
            f"Received: fill={fill!r}."
        )
    return values.astype("uint8")


def fill_of(fill: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Returns the colour for these images: its mean if they are grey."""
    grey = images.shape[-1] == 1 and fill.ndim == 1
    return fill.mean(keepdims=True).astype("uint8") if grey else fill


def _factor(levels: np.ndarray) -> np.ndarray:
    return levels * 1.8 / 10 + 0.1


def _whole(levels: np.ndarray, greatest: float) -> np.ndarray:
    return np.floor(levels * greatest / 10)


def _shear(axis: int) -> _Leveled:
    def operation(
        images: np.ndarray,
        levels: np.ndarray,
        signs: np.ndarray,
        fill: np.ndarray,
    ) -> np.ndarray:
        matrices = _identities(len(images))
        matrices[:, (1, 3)[axis]] = signs * levels * 0.3 / 10
        return pixels.affine(images, matrices, fill)

    return operation


def _translate(axis: int) -> _Leveled:
    def operation(
        images: np.ndarray,
        levels: np.ndarray,
        signs: np.ndarray,
        fill: np.ndarray,
    ) -> np.ndarray:
        # 10 of 32 pixels in the paper; in proportion for other sizes.
        greatest = images.shape[2 - axis] * 10 / 32
        matrices = _identities(len(images))
        matrices[:, (2, 5)[axis]] = signs * _whole(levels, greatest)
        return pixels.affine(images, matrices, fill)

    return operation


def _rotate(
    images: np.ndarray, levels: np.ndarray, signs: np.ndarray, fill: np.ndarray
) -> np.ndarray:
    degrees = signs * _whole(levels, 30)
    matrices = pixels.rotation_matrices(degrees, *images.shape[1:3])
    return pixels.affine(images, matrices, fill)


def _identities(count: int) -> np.ndarray:
    return np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (count, 1))


OPERATIONS: dict[str, _Leveled] = {
    "autocontrast": lambda images, *_: pixels.autocontrast(images),
    "brightness": lambda images, levels, *_: pixels.brightness(
        images, _factor(levels)
    ),
    "color": lambda images, levels, *_: pixels.color(images, _factor(levels)),
    "contrast": lambda images, levels, *_: pixels.contrast(
        images, _factor(levels)
    ),
    "equalize": lambda images, *_: pixels.equalize(images),
    "identity": lambda images, *_: images,
    "invert": lambda images, *_: 255 - images,
    "posterize": lambda images, levels, *_: pixels.posterize(
        images, 4 - _whole(levels, 4)
    ),
    "rotate": _rotate,
    "sharpness": lambda images, levels, *_: pixels.sharpness(
        images, _factor(levels)
    ),
    "shear_x": _shear(0),
    "shear_y": _shear(1),
    "solarize": lambda images, levels, *_: pixels.solarize(
        images, 256 - _whole(levels, 256)
    ),
    "translate_x": _translate(0),
    "translate_y": _translate(1),
}
