"""Mirrors half of the images."""

import numpy as np

from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_fraction


class RandomFlip(Transform):
    """Mirrors each image left to right with a given probability.

    Args:
        probability: From 0 to 1.

    Example:

    >>> images = np.array([[[[1], [2]]]], "uint8")
    >>> flip = keras_lt.data.transforms.RandomFlip(probability=1.0)
    >>> flip(images, np.zeros(1, int), np.random.default_rng(0))[0].ravel()
    array([2, 1], dtype=uint8)
    """

    def __init__(self, probability: float = 0.5):
        self.probability = check_fraction("probability", probability)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        flipped = generator.random(len(images)) < self.probability
        images = images.copy()
        images[flipped] = images[flipped, :, ::-1]
        return images, labels
