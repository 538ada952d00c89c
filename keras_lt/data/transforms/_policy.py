"""What AutoAugment and RandAugment share."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.data.transforms._colour import as_bytes
from keras_lt.data.transforms._leveled_operations import check_bytes
from keras_lt.data.transforms._leveled_operations import fill_of
from keras_lt.data.transforms._operation_table import OperationTable
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.types import Tensor


class Policy(DeviceTransform):
    """Applies operations that are drawn from a table, one after the other.

    A subclass defines `draw`, which gives entries of the table.

    Args:
        table: The operations.
        num_draws: Number of operations per image.
        fill: Byte, or one per channel, for what a move brings in from outside.
    """

    def __init__(
        self, table: OperationTable, num_draws: int, fill: int | Sequence[int]
    ):
        self.table = table
        self.num_draws = num_draws
        self.fill = as_bytes(fill)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        check_bytes(images, type(self).__name__)
        fill = fill_of(self.fill, images.shape[-1])
        draws, labels = self.draw(images.shape, labels, generator)
        for entries in draws.T:
            images = self.table.on_host(images, entries, fill)
        return images, labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        check_bytes(images, type(self).__name__)
        fill = fill_of(self.fill, images.shape[-1])
        images = ops.cast(images, "int32")
        for step in range(self.num_draws):
            images = self.table.on_device(images, draws[:, step], fill)
        return ops.cast(images, "uint8")
