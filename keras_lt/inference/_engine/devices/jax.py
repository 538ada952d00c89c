"""Runs stages on JAX, compiled for few numbers of rows."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.distribution import laid_out
from keras_lt.distribution import num_local_shards
from keras_lt.distribution import own_value
from keras_lt.inference._engine.buckets import bucket_size
from keras_lt.inference._engine.devices.bucket_room import BucketRoom
from keras_lt.types import Tensor


class JaxDevice:
    """Gives the values of variables to compiled stages as arguments.

    Under a `keras.distribution`, batches are laid out as it says, so that
    every device of the mesh has its share of them. Of several processes, each
    answers on its own devices: examples leave when they are sure, so processes
    do not have the same number of batches.
    """

    def __init__(self) -> None:
        import jax

        self._gather = jax.jit(_gather)

    def compile(
        self, function: Callable[[Tensor], Any], variables: Sequence[Any]
    ) -> Callable[[Tensor], Any]:
        import jax

        @jax.jit
        def compiled(values: list[Tensor], rows: Tensor) -> Any:
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return function(laid_out(rows))

        def call(rows: Tensor) -> Any:
            return compiled([own_value(one) for one in variables], rows)

        return call

    def put(self, rows: np.ndarray, batch_size: int) -> Tensor:
        missing = _bucket(len(rows), batch_size) - len(rows)
        if missing:
            padding = np.zeros((missing, *rows.shape[1:]), rows.dtype)
            rows = np.concatenate([rows, padding])
        return laid_out(ops.convert_to_tensor(rows))

    def waiting_room(self, batch_size: int) -> BucketRoom:
        return BucketRoom(
            batch_size, lambda count: _bucket(count, batch_size), self._gather
        )


def _gather(parts: Sequence[Tensor], index: Tensor) -> Tensor:
    rows = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=0)
    return laid_out(ops.take(rows, index, axis=0))


def _bucket(count: int, batch_size: int) -> int:
    shards = num_local_shards()
    return math.ceil(bucket_size(count, batch_size) / shards) * shards
