"""Mixes pairs of images and their labels."""

import numpy as np

from keras_lt.data.transforms._soft_labels import soft_labels
from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


class Mixup(Transform):
    """Mixes each image, and its label, with another one of the batch.

    One share for the whole batch comes from `Beta(alpha, alpha)`. Images
    become float32, labels float32 shares of each class.

    Args:
        num_classes: Number of classes, and the length of a soft label.
        alpha: Greater than 0. Small values leave most images nearly pure.

    Example:

    >>> images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.arange(8)
    >>> mixup = keras_lt.data.transforms.Mixup(num_classes=10, alpha=1.0)
    >>> mixup(images, labels, np.random.default_rng(0))[1].shape
    (8, 10)

    Reference:

    - [Zhang et al., 2018](https://arxiv.org/abs/1710.09412), section 2.
    """

    mixes_examples = True

    def __init__(self, num_classes: int, alpha: float = 1.0):
        self.num_classes = check_positive_int("num_classes", num_classes)
        self.alpha = check_positive("alpha", alpha)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        share = np.float32(generator.beta(self.alpha, self.alpha))
        partners = generator.permutation(len(images))
        images = images.astype("float32")
        soft = soft_labels(labels, self.num_classes)
        rest = np.float32(1) - share
        return (
            share * images + rest * images[partners],
            share * soft + rest * soft[partners],
        )
