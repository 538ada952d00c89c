"""The augmentation policy that was found for CIFAR."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms._leveled_operations import CIFAR_MEAN
from keras_lt.data.transforms._operation_table import OperationTable
from keras_lt.data.transforms._policy import Policy

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
_CHANCES = np.array([[one[1] for one in two] for two in _CIFAR_POLICY])
_TABLE = OperationTable(
    [(name, level) for two in _CIFAR_POLICY for name, _, level in two]
)


class AutoAugment(Policy):
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
        super().__init__(_TABLE, num_draws=2, fill=fill)

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        count = shape[0]
        chosen = generator.integers(len(_CIFAR_POLICY), size=count)
        draws = []
        for step in range(self.num_draws):
            happens = generator.random(count) < _CHANCES[chosen, step]
            forward = generator.choice([0, 1], size=count)
            entries = 2 * (2 * chosen + step) + forward
            draws.append(np.where(happens, entries, self.table.nothing))
        return np.stack(draws, axis=1).astype("int32"), labels
