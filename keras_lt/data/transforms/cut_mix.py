"""Pastes a rectangle of one image into another."""

import numpy as np

from keras_lt.data.transforms._soft_labels import soft_labels
from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_fraction
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


class CutMix(Transform):
    """Pastes a rectangle of another image of the batch into each image.

    One rectangle for the whole batch, around a random pixel, covers a share
    `1 - s` of the image with `s` from `Beta(alpha, alpha)`, less what the
    border cuts off. Labels become float32, by the area that each image has.

    Args:
        num_classes: Number of classes, and the length of a soft label.
        alpha: Greater than 0.
        probability: How often a batch is mixed at all, from 0 to 1.

    Example:

    >>> images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.arange(8)
    >>> cut_mix = keras_lt.data.transforms.CutMix(num_classes=10)
    >>> cut_mix(images, labels, np.random.default_rng(0))[1].shape
    (8, 10)

    Reference:

    - [Yun et al., 2019](https://arxiv.org/abs/1905.04899), equations 1 and 2.
    """

    mixes_examples = True

    def __init__(
        self, num_classes: int, alpha: float = 1.0, probability: float = 1.0
    ):
        self.num_classes = check_positive_int("num_classes", num_classes)
        self.alpha = check_positive("alpha", alpha)
        self.probability = check_fraction("probability", probability)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        soft = soft_labels(labels, self.num_classes)
        if generator.random() >= self.probability:
            return images, soft
        side = np.sqrt(1 - generator.beta(self.alpha, self.alpha))
        height, width = images.shape[1:3]
        rows = _span(height, side, generator)
        columns = _span(width, side, generator)
        partners = generator.permutation(len(images))
        mixed = images.copy()
        mixed[:, rows, columns] = images[partners, rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        pasted = np.float32(area / (height * width))
        return mixed, (1 - pasted) * soft + pasted * soft[partners]


def _span(length: int, side: float, generator: np.random.Generator) -> slice:
    size = int(length * side)
    middle = int(generator.integers(length))
    begin = middle - size // 2
    return slice(max(begin, 0), max(min(begin + size, length), 0))
