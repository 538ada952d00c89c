"""Random operations at one level for all."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.data.transforms._leveled_operations import CIFAR_MEAN
from keras_lt.data.transforms._leveled_operations import OPERATIONS
from keras_lt.data.transforms._leveled_operations import check_bytes
from keras_lt.data.transforms._leveled_operations import check_fill
from keras_lt.data.transforms._leveled_operations import fill_of
from keras_lt.data.transforms._operation_table import OperationTable
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int

# All but inversion: the 14 of the paper, one of which does nothing.
_NAMES = sorted(set(OPERATIONS) - {"invert"})


class RandAugment(DeviceTransform):
    """Applies a few operations, drawn uniformly from 14, to each image.

    Takes raw pixels, uint8, grey or RGB; put it before `Normalize`.

    Args:
        num_operations: Number of operations per image.
        level: Strength of all operations, from 0 to 10.
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
        self.num_operations = check_positive_int(
            "num_operations", num_operations
        )
        if not 0 <= level <= 10:
            raise ValueError(
                f"`level` must be from 0 to 10. Received: level={level}."
            )
        self.level = float(level)
        self.fill = check_fill(fill)
        self._table = OperationTable([(name, self.level) for name in _NAMES])

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        check_bytes(images, "RandAugment")
        fill = fill_of(self.fill, images.shape[-1])
        draws, labels = self.draw(images.shape, labels, generator)
        for entries in draws.T:
            images = self._table.on_host(images, entries, fill)
        return images, labels

    @property
    def num_draws(self) -> int:  # type: ignore[override]
        """How many numbers are drawn for each image."""
        return self.num_operations

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        draws = []
        for _ in range(self.num_operations):
            chosen = generator.integers(len(_NAMES), size=shape[0])
            forward = generator.choice([0, 1], size=shape[0])
            draws.append(2 * chosen + forward)
        return np.stack(draws, axis=1).astype("int32"), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        check_bytes(images, "RandAugment")
        fill = fill_of(self.fill, images.shape[-1])
        images = ops.cast(images, "int32")
        for step in range(self.num_operations):
            images = self._table.on_device(images, draws[:, step], fill)
        return ops.cast(images, "uint8")
