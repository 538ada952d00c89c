"""A waiting room for backends to which any number of rows is the same."""

import numpy as np
from keras import ops

from keras_lt.types import Tensor


class ChunkRoom:
    """Keeps what stayed of each batch, and joins it when it is asked for."""

    def __init__(self) -> None:
        self._chunks: list[Tensor] = []

    def add(self, features: Tensor, rows: np.ndarray) -> None:
        if len(rows) < features.shape[0]:
            features = ops.take(features, rows, axis=0)
        self._chunks.append(features)

    def take(self, count: int) -> Tensor:
        rows = self._chunks[0]
        if len(self._chunks) > 1:
            rows = ops.concatenate(self._chunks, axis=0)
        rest = rows.shape[0] - count
        self._chunks = [rows[count:]] if rest else []
        return rows[:count] if rest else rows
