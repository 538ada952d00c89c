"""Shifts by a random crop of the padded image."""

import numpy as np

from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.ops import augmentation
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int


class RandomCrop(DeviceTransform):
    """Pads each image with zeros, and cuts its size out at a random place.

    Put it before `Normalize`, as the recipes of the field do: there, the zeros
    are black pixels.

    Args:
        padding: Number of pixels on each side. Shifts are uniform in
            `-padding` to `padding`, along height and width, per image.

    Example:

    >>> images, labels = np.ones((8, 32, 32, 3), "uint8"), np.zeros(8, int)
    >>> crop = keras_lt.data.transforms.RandomCrop(padding=4)
    >>> crop(images, labels, np.random.default_rng(0))[0].shape
    (8, 32, 32, 3)
    """

    num_draws = 2

    def __init__(self, padding: int = 4):
        self.padding = check_positive_int("padding", padding)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        count, height, width, channels = images.shape
        pad, shifts = self.padding, 2 * self.padding + 1
        padded = np.zeros(
            (count, height + 2 * pad, width + 2 * pad, channels), images.dtype
        )
        padded[:, pad : pad + height, pad : pad + width] = images
        draws, labels = self.draw(images.shape, labels, generator)
        # A view with each crop of each image, from which one copy picks.
        image, row, column, value = padded.strides
        crops = np.lib.stride_tricks.as_strided(
            padded,
            (count, shifts, shifts, height, width * channels),
            (image, row, column, row, value),
            writeable=False,
        )
        chosen = crops[np.arange(count), draws[:, 0], draws[:, 1]]
        return chosen.reshape(images.shape), labels

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        shifts = 2 * self.padding + 1
        places = generator.integers(shifts, size=(2, shape[0]))
        return places.T.astype("int32"), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        return augmentation.shifted(
            images, draws[:, 0], draws[:, 1], self.padding
        )
