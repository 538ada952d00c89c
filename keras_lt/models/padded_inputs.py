"""Which rows of a batch are examples, and which are padding."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.distribution import num_data_shards
from keras_lt.distribution import process_shard

COUNT = "count"
"""Zeros, as many as examples times devices that share them."""

INPUTS = "inputs"
"""What the network takes, with the padding."""


class PaddedInputs:
    """Knows which rows of a batch are no padding.

    Args:
        inputs: What a model is called on.

    Attributes:
        inputs: The same as the network takes it, with the padding.
    """

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self._index: Any = None
        if not isinstance(inputs, Mapping) or COUNT not in inputs:
            return
        self.inputs = inputs[INPUTS]
        count = inputs[COUNT].shape[0] // num_data_shards()
        size = num_rows(self.inputs)
        if count < size:
            self._index = _example_rows(count, size)

    def unpad(self, values: Any) -> Any:
        """Returns arrays of any structure without the padding."""
        if self._index is None:
            return values
        return keras.tree.map_structure(
            lambda one: ops.take(one, self._index, axis=0),
            values,
            none_is_leaf=False,
        )


def unpadded(x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Returns a batch without its padding."""
    padded = PaddedInputs(x)
    inputs = padded.unpad(padded.inputs)
    return inputs, padded.unpad(y), padded.unpad(weights)


def num_rows(arrays: Any) -> int:
    """Returns the length of arrays of any structure."""
    return int(keras.tree.flatten(arrays)[0].shape[0])


def _example_rows(count: int, size: int) -> np.ndarray:
    """Returns the places of `count` examples among `size` rows.

    Each process has its examples before its padding, and the first ones have
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
