"""Blanks out a square."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_positive_int


class Cutout(Transform):
    """Blanks out a square of each image, around a random pixel.

    The square is cut off at the border, so its visible part is smaller there.

    Args:
        size: Side of the square, in pixels. With an even size, the random
            pixel is right of and below the middle.
        fill: Value, or one per channel, of the square. The paper blanks out
            normalised images with 0; before `Normalize`, pass the mean colour.

    Example:

    >>> images, labels = np.ones((8, 32, 32, 3), "uint8"), np.zeros(8, int)
    >>> cutout = keras_lt.data.transforms.Cutout(size=16)
    >>> bool(cutout(images, labels, np.random.default_rng(0))[0].all())
    False

    Reference:

    - [DeVries and Taylor, 2017](https://arxiv.org/abs/1708.04552).
    """

    def __init__(self, size: int = 16, fill: float | Sequence[float] = 0):
        self.size = check_positive_int("size", size)
        self.fill = np.asarray(fill)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        count, height, width, _ = images.shape
        tops = generator.integers(height, size=(count, 1)) - self.size // 2
        lefts = generator.integers(width, size=(count, 1)) - self.size // 2
        rows = self._covered(height, tops)
        columns = self._covered(width, lefts)
        images = images.copy()
        images[rows[:, :, None] & columns[:, None, :]] = self.fill
        return images, labels

    def _covered(self, length: int, begins: np.ndarray) -> np.ndarray:
        places = np.arange(length)
        return (places >= begins) & (places < begins + self.size)
