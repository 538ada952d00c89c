"""The augmentation policy that was found for CIFAR."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms._leveled_operations import CIFAR_MEAN
from keras_lt.data.transforms._leveled_operations import apply
from keras_lt.data.transforms._leveled_operations import check_bytes
from keras_lt.data.transforms._leveled_operations import check_fill
from keras_lt.data.transforms._leveled_operations import fill_of
from keras_lt.data.transforms.transform import Transform

# Two operations each: name, probability, level. Table 7 of the paper.
_CIFAR_POLICY = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("autocontrast", 0.9, 1)),
)


class AutoAugment(Transform):
    """Applies the AutoAugment policy for CIFAR to each image.

    Each image draws one of 25 sub-policies of two operations, and each of
    these happens with its own probability. Operations give the bytes that
    Pillow gives, at the levels of the released code.

    Takes raw pixels, uint8, grey or RGB; put it before `Normalize`.

    Args:
        fill: Byte, or one per channel, for what a move brings in from outside.
            The default is the mean colour of CIFAR, as in the released code.

    Example:

    >>> images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.zeros(8, int)
    >>> augment = keras_lt.data.transforms.AutoAugment()
    >>> augment(images, labels, np.random.default_rng(0))[0].shape
    (8, 32, 32, 3)

    Reference:

    - [Cubuk et al., 2019](https://arxiv.org/abs/1805.09501), table 7.
    """

    def __init__(self, fill: int | Sequence[int] = CIFAR_MEAN):
        self.fill = check_fill(fill)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        check_bytes(images, "AutoAugment")
        chosen = generator.integers(len(_CIFAR_POLICY), size=len(images))
        fill = fill_of(self.fill, images)
        for step in range(2):
            names, chances, levels = zip(
                *(policy[step] for policy in _CIFAR_POLICY), strict=True
            )
            happens = generator.random(len(images)) < np.array(chances)[chosen]
            images = apply(
                images,
                np.where(happens, np.array(names)[chosen], ""),
                np.array(levels, dtype="float64")[chosen],
                fill,
                generator,
            )
        return images, labels
