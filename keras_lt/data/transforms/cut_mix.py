"""Pastes a rectangle of one image into another."""

import numpy as np

from keras_lt.data.transforms._soft_labels import soft_labels
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.ops import augmentation
from keras_lt.types import Tensor
from keras_lt.validation import check_fraction
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


class CutMix(DeviceTransform):
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
    whole_batches = True
    num_draws = 5

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
        draws, labels = self.draw(images.shape, labels, generator)
        partners, (top, bottom, left, right) = draws[:, 0], draws[0, 1:]
        if top == bottom or left == right:
            return images, labels
        rows, columns = slice(top, bottom), slice(left, right)
        mixed = images.copy()
        mixed[:, rows, columns] = images[partners, rows, columns]
        return mixed, labels

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        count, height, width = shape[:3]
        soft = soft_labels(labels, self.num_classes)
        draws = np.zeros((count, self.num_draws), "int32")
        if generator.random() >= self.probability:
            return draws, soft
        side = np.sqrt(1 - generator.beta(self.alpha, self.alpha))
        draws[:, 1:3] = top, bottom = _span(height, side, generator)
        draws[:, 3:5] = left, right = _span(width, side, generator)
        draws[:, 0] = partners = generator.permutation(count)
        area = (bottom - top) * (right - left)
        pasted = np.float32(area / (height * width))
        return draws, (1 - pasted) * soft + pasted * soft[partners]

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        partners, top, bottom, left, right = (
            draws[:, column] for column in range(self.num_draws)
        )
        return augmentation.pasted(
            images, partners, (top, bottom), (left, right)
        )


def _span(
    length: int, side: float, generator: np.random.Generator
) -> tuple[int, int]:
    size = int(length * side)
    middle = int(generator.integers(length))
    begin = middle - size // 2
    return max(begin, 0), max(min(begin + size, length), 0)
