"""Runs stages on TensorFlow, each one graph for any number of rows."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_lt.inference._engine.devices.chunk_room import ChunkRoom
from keras_lt.types import Tensor


class TensorFlowDevice:
    """Traces a stage once for each shape and type of an example.

    XLA is not asked for. It would compile once for each number of rows, and
    on a CPU its convolutions are slower than those of TensorFlow.
    """

    def compile(
        self, function: Callable[[Tensor], Any], variables: Sequence[Any]
    ) -> Callable[[Tensor], Any]:
        del variables  # A graph refers to variables, not to their values.
        import tensorflow as tf

        graphs: dict[Any, Callable[[Tensor], Any]] = {}

        def call(rows: Tensor) -> Any:
            example = (rows.dtype, tuple(rows.shape[1:]))
            if example not in graphs:
                spec = tf.TensorSpec((None, *rows.shape[1:]), rows.dtype)
                graphs[example] = tf.function(function, input_signature=[spec])
            return graphs[example](rows)

        return call

    def put(self, rows: np.ndarray, batch_size: int) -> Tensor:
        return ops.convert_to_tensor(rows)

    def waiting_room(self, batch_size: int) -> ChunkRoom:
        return ChunkRoom()
