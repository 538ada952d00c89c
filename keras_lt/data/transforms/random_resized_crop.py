"""Cuts out a part of random size, shape and place."""

import math

import numpy as np

from keras_lt.data.transforms.crop import Box
from keras_lt.data.transforms.crop import Crop

_TRIES = 10


class RandomResizedCrop(Crop):
    """Cuts out a part of random size, shape and place, and resizes it.

    It is the first transform of nearly every recipe for large images. Of an
    image, a share of the area is drawn uniformly, and the ratio of width and
    height uniformly in its logarithm. If such a part does not fit in ten
    tries, the largest part in the middle whose ratio is allowed is taken.

    Args:
        area: Smallest and largest share of the area of the image, in 0 to 1.
        aspect_ratio: Smallest and largest width by height of the part.

    Raises:
        ValueError: If a range is empty or out of bounds.

    Example:

    >>> images, labels = np.zeros((2, 32, 32, 3), "uint8"), np.array([0, 1])
    >>> crop = keras_lt.data.transforms.RandomResizedCrop()
    >>> crop(images, labels, np.random.default_rng(0))[0].shape
    (2, 32, 32, 3)

    Reference:

    - [Szegedy et al., 2015](https://arxiv.org/abs/1409.4842), section 6.
    """

    num_numbers = 4 * _TRIES

    def __init__(
        self,
        area: tuple[float, float] = (0.08, 1.0),
        aspect_ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ):
        self.area = _check_range("area", area, largest=1.0)
        self.aspect_ratio = _check_range("aspect_ratio", aspect_ratio)

    def box(
        self,
        height: int,
        width: int,
        aspect_ratio: float,
        numbers: np.ndarray,
    ) -> Box:
        smallest, largest = self.area
        low, high = (math.log(ratio) for ratio in self.aspect_ratio)
        for size, shape, down, right in numbers.reshape(_TRIES, 4).tolist():
            pixels = height * width * (smallest + (largest - smallest) * size)
            ratio = math.exp(low + (high - low) * shape)
            part_height = round(math.sqrt(pixels / ratio))
            part_width = round(math.sqrt(pixels * ratio))
            if 0 < part_height <= height and 0 < part_width <= width:
                return (
                    int(down * (height - part_height + 1)),
                    int(right * (width - part_width + 1)),
                    part_height,
                    part_width,
                )
        return middle(
            height, width, np.clip(width / height, *self.aspect_ratio)
        )


def middle(
    height: int, width: int, aspect_ratio: float, fraction: float = 1.0
) -> Box:
    """Returns a part in the middle of an image.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        aspect_ratio: Width by height of the part.
        fraction: Side of the part by that of the largest that fits.
    """
    part_height = min(height, width / aspect_ratio) * fraction
    part_width = max(1, min(width, round(part_height * aspect_ratio)))
    part_height = max(1, min(height, round(part_height)))
    return (
        (height - part_height) // 2,
        (width - part_width) // 2,
        part_height,
        part_width,
    )


def _check_range(
    name: str, values: tuple[float, float], largest: float = math.inf
) -> tuple[float, float]:
    if np.shape(values) != (2,) or not 0 < values[0] <= values[1] <= largest:
        bound = "" if largest == math.inf else f" and at most {largest:g}"
        raise ValueError(
            f"`{name}` must be a smallest and a largest number, greater than "
            f"0{bound}. Received: {name}={values!r}."
        )
    return float(values[0]), float(values[1])
