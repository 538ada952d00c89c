"""Mirrors half of the images."""

import numpy as np

from keras_lt.data.transforms._opencv import has_opencv
from keras_lt.data.transforms._opencv import import_opencv
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.ops import augmentation
from keras_lt.types import Tensor
from keras_lt.validation import check_fraction


class RandomFlip(DeviceTransform):
    """Mirrors each image left to right with a given probability.

    Args:
        probability: From 0 to 1.

    Example:

    >>> images = np.array([[[[1], [2]]]], "uint8")
    >>> flip = keras_lt.data.transforms.RandomFlip(probability=1.0)
    >>> flip(images, np.zeros(1, int), np.random.default_rng(0))[0].ravel()
    array([2, 1], dtype=uint8)
    """

    num_draws = 1

    def __init__(self, probability: float = 0.5):
        self.probability = check_fraction("probability", probability)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        draws, labels = self.draw(images.shape, labels, generator)
        found = images.copy()
        for place in np.flatnonzero(draws[:, 0]):
            _mirror(images[place], found[place])
        return found, labels

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        flipped = generator.random((shape[0], 1)) < self.probability
        return flipped.astype("int32"), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        return augmentation.mirrored(images, draws[:, 0])


def _mirror(image: np.ndarray, found: np.ndarray) -> None:
    """Writes the mirror image of the one into the other."""
    if has_opencv() and image.dtype == np.uint8:
        found[:] = import_opencv().flip(image, 1).reshape(image.shape)
        return
    # One channel at a time: NumPy is slow along a short last axis.
    for channel in range(image.shape[-1]):
        found[..., channel] = image[:, ::-1, channel]
