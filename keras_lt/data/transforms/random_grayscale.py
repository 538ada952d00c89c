"""Takes the colour out of some images."""

import numpy as np

from keras_lt.data.transforms.color_jitter import LUMA
from keras_lt.data.transforms.color_jitter import check_color_images
from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_fraction


class RandomGrayscale(Transform):
    """Makes each image grey with a given probability.

    Args:
        probability: From 0 to 1.

    Raises:
        ValueError: If images are not uint8 of three channels.

    Example:

    >>> images = np.array([[[[0, 100, 0]]]], "uint8")
    >>> grayscale = keras_lt.data.transforms.RandomGrayscale(probability=1.0)
    >>> grayscale(images, np.zeros(1, int), np.random.default_rng(0))[0].ravel()
    array([59, 59, 59], dtype=uint8)
    """

    def __init__(self, probability: float = 0.2):
        self.probability = check_fraction("probability", probability)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        check_color_images("RandomGrayscale", images)
        grey = generator.random(len(images)) < self.probability
        if not grey.any():
            return images, labels
        found = images.copy()
        luma = images[grey].astype("float32") @ np.array(LUMA, "float32")
        found[grey] = np.rint(luma)[..., None].astype("uint8")
        return found, labels
