"""Mixes pairs of images and their labels."""

import numpy as np
from keras import ops

from keras_lt.data.transforms._soft_labels import soft_labels
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.ops import augmentation
from keras_lt.types import Tensor
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int

_UNIT = 2.0**-24
"""What shares are counted in on their way to the device: a float32 holds each
of these, where a step of half precision would round shares that are floats."""


class Mixup(DeviceTransform):
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
    whole_batches = True
    num_draws = 2

    def __init__(self, num_classes: int, alpha: float = 1.0):
        self.num_classes = check_positive_int("num_classes", num_classes)
        self.alpha = check_positive("alpha", alpha)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        share, partners = self._pairs(len(images), generator)
        images = images.astype("float32")
        rest = np.float32(1) - share
        mixed = share * images + rest * images[partners]
        return mixed, self._mixed_labels(labels, share, partners)

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        share, partners = self._pairs(shape[0], generator)
        units = np.full(shape[0], round(float(share) / _UNIT))
        draws = np.stack([partners, units], axis=1).astype("int32")
        return draws, self._mixed_labels(labels, share, partners)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        share = ops.cast(draws[:, 1], "float32") * _UNIT
        return augmentation.mixed(images, draws[:, 0], share)

    def _pairs(
        self, count: int, generator: np.random.Generator
    ) -> tuple[np.float32, np.ndarray]:
        """Returns the share of the batch, and the partner of each image."""
        share = np.float32(generator.beta(self.alpha, self.alpha))
        return share, generator.permutation(count)

    def _mixed_labels(
        self, labels: np.ndarray, share: np.float32, partners: np.ndarray
    ) -> np.ndarray:
        soft = soft_labels(labels, self.num_classes)
        return share * soft + (np.float32(1) - share) * soft[partners]
