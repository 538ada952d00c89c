"""A waiting room for a backend that compiles for each number of rows."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_lt.types import Tensor

Gather = Callable[[Sequence[Tensor], np.ndarray], Tensor]
"""Gives the rows of an index into tensors, as if these were joined."""


class BucketRoom:
    """Remembers which rows of two tensors wait, and copies them late.

    Args:
        batch_size: The most rows that `take` gives.
        bucket: Gives the number of rows, padding included, for a number.
        gather: Compiled; its index has as many entries as rows are wanted.
    """

    def __init__(
        self, batch_size: int, bucket: Callable[[int], int], gather: Gather
    ):
        self._full = bucket(batch_size)
        self._bucket = bucket
        self._gather = gather
        # Two tensors at most: what waited, and what came last.
        self._parts: list[Tensor] = []
        self._index = np.zeros(0, "int32")

    def add(self, features: Tensor, rows: np.ndarray) -> None:
        if len(self._parts) == 2:
            self._compact()
        start = self._parts[0].shape[0] if self._parts else 0
        self._parts.append(features)
        self._index = np.append(self._index, start + rows).astype("int32")

    def take(self, count: int) -> Tensor:
        index = self._index[:count]
        rows = self._rows(index, self._bucket(count))
        self._index = self._index[count:]
        if not len(self._index):
            self._parts = []
        return rows

    def _compact(self) -> None:
        self._parts = [self._rows(self._index, self._full)]
        self._index = np.arange(len(self._index), dtype="int32")

    def _rows(self, index: np.ndarray, size: int) -> Tensor:
        first = self._parts[0]
        if size == first.shape[0] and _is_range(index):
            return first
        padding = np.zeros(size - len(index), "int32")
        return self._gather(self._parts, np.append(index, padding))


def _is_range(index: np.ndarray) -> bool:
    return np.array_equal(index, np.arange(len(index)))
