"""Blanks out a square."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_lt.data.transforms._colour import as_colour
from keras_lt.data.transforms._colour import colour_for
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.ops import augmentation
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int


class Cutout(DeviceTransform):
    """Blanks out a square of each image, around a random pixel.

    The square is cut off at the border, so its visible part is smaller there.

    Args:
        size: Side of the square, in pixels. With an even size, the random
            pixel is right of and below the middle.
        fill: Value, or one per channel, of the square. The paper blanks out
            normalised images with 0; before `Normalize`, pass the mean colour.

    Raises:
        ValueError: If an argument is out of range; when called, if images of
            their type cannot hold `fill`: -1, or a colour from 0 to 1, in
            bytes; or if they have another number of channels.

    Example:

    >>> images, labels = np.ones((8, 32, 32, 3), "uint8"), np.zeros(8, int)
    >>> cutout = keras_lt.data.transforms.Cutout(size=16)
    >>> bool(cutout(images, labels, np.random.default_rng(0))[0].all())
    False

    Reference:

    - [DeVries and Taylor, 2017](https://arxiv.org/abs/1708.04552).
    """

    num_draws = 2

    def __init__(self, size: int = 16, fill: float | Sequence[float] = 0):
        self.size = check_positive_int("size", size)
        self.fill = as_colour(fill)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        draws, labels = self.draw(images.shape, labels, generator)
        rows = self._covered(images.shape[1], draws[:, :1])
        columns = self._covered(images.shape[2], draws[:, 1:])
        images = images.copy()
        fill = colour_for(self.fill, images.dtype.name, images.shape[-1])
        images[rows[:, :, None] & columns[:, None, :]] = fill
        return images, labels

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        middles = [
            generator.integers(length, size=(shape[0], 1))
            for length in shape[1:3]
        ]
        begins = np.concatenate(middles, axis=1) - self.size // 2
        return begins.astype("int32"), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        dtype = keras.ops.dtype(images)
        fill = colour_for(self.fill, dtype, images.shape[-1])
        return augmentation.blanked(
            images, draws[:, 0], draws[:, 1], self.size, fill
        )

    def _covered(self, length: int, begins: np.ndarray) -> np.ndarray:
        places = np.arange(length)
        return (places >= begins) & (places < begins + self.size)
