"""Which rows of a batch are examples, and which fill it up."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.devices import data_shares
from keras_lt.devices import process_shard

COUNT = "count"
"""Zeros, as many as examples times devices that share them."""

INPUTS = "inputs"
"""What the network takes, with the rows that fill up."""


class RealRows:
    """Knows which rows of a batch are no filling.

    Args:
        inputs: What a model is called on.

    Attributes:
        inputs: The same as the network takes it, with the filling.
    """

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self._index: Any = None
        if not isinstance(inputs, Mapping) or COUNT not in inputs:
            return
        self.inputs = inputs[INPUTS]
        count = inputs[COUNT].shape[0] // data_shares()
        size = num_rows(self.inputs)
        if count < size:
            self._index = _real_rows(count, size)

    def of(self, values: Any) -> Any:
        """Returns these rows of arrays of any structure."""
        if self._index is None:
            return values
        return keras.tree.map_structure(
            lambda one: ops.take(one, self._index, axis=0),
            values,
            none_is_leaf=False,
        )


def without_filling(x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Returns a batch without what fills it up."""
    rows = RealRows(x)
    return rows.of(rows.inputs), rows.of(y), rows.of(weights)


def num_rows(arrays: Any) -> int:
    """Returns the length of arrays of any structure."""
    return int(keras.tree.flatten(arrays)[0].shape[0])


def _real_rows(count: int, size: int) -> np.ndarray:
    """Returns the places of `count` examples among `size` rows.

    Each process has its examples before its filling, and the first ones have
    one more than the others if they do not divide evenly.
    """
    parts = process_shard()[1]
    each, more = divmod(count, parts)
    starts = np.arange(parts) * (size // parts)
    return np.concatenate(
        [
            start + np.arange(each + (part < more))
            for part, start in enumerate(starts)
        ]
    ).astype("int32")
