"""Random operations at one level for all."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms._leveled_operations import CIFAR_MEAN
from keras_lt.data.transforms._leveled_operations import OPERATIONS
from keras_lt.data.transforms._operation_table import OperationTable
from keras_lt.data.transforms._policy import Policy
from keras_lt.validation import check_positive_int

# All but inversion: the 14 of the paper, one of which does nothing.
_NAMES = sorted(set(OPERATIONS) - {"invert"})


class RandAugment(Policy):
    """Applies a few operations, drawn uniformly from 14, to each image.

    Takes raw pixels, uint8, grey or RGB; put it before `Normalize`.

    Args:
        num_operations: Number of operations per image.
        level: Strength of all operations, from 0 to 10. Brightness, color,
            contrast and sharpness are those of the image at 5, lower below
            and higher above it.
        fill: Byte, or one per channel, for what a move brings in from outside.

    Raises:
        ValueError: If an argument is out of range, or images are not uint8.

    Example:

    >>> images, labels = np.zeros((8, 32, 32, 3), "uint8"), np.zeros(8, int)
    >>> augment = keras_lt.data.transforms.RandAugment(2, level=9)
    >>> augment(images, labels, np.random.default_rng(0))[0].shape
    (8, 32, 32, 3)

    Reference:

    - [Cubuk et al., 2020](https://arxiv.org/abs/1909.13719), section 3.
    """

    def __init__(
        self,
        num_operations: int = 2,
        level: float = 9,
        fill: int | Sequence[int] = CIFAR_MEAN,
    ):
        check_positive_int("num_operations", num_operations)
        if not 0 <= level <= 10:
            raise ValueError(
                f"`level` must be from 0 to 10. Received: level={level}."
            )
        table = OperationTable([(name, level) for name in _NAMES])
        super().__init__(table, num_operations, fill)

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        draws = []
        for _ in range(self.num_draws):
            chosen = generator.integers(len(_NAMES), size=shape[0])
            forward = generator.choice([0, 1], size=shape[0])
            draws.append(2 * chosen + forward)
        return np.stack(draws, axis=1).astype("int32"), labels
