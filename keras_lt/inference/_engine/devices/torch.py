"""Runs stages on PyTorch, as they come."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_lt.inference._engine.devices.chunk_room import ChunkRoom
from keras_lt.types import Tensor


class TorchDevice:
    """Calls stages without keeping anything for gradients."""

    def compile(
        self, function: Callable[[Tensor], Any], variables: Sequence[Any]
    ) -> Callable[[Tensor], Any]:
        del variables  # They are read where they are used.
        import torch

        return torch.no_grad()(function)

    def put(self, rows: np.ndarray, batch_size: int) -> Tensor:
        return ops.convert_to_tensor(rows)

    def waiting_room(self, batch_size: int) -> ChunkRoom:
        return ChunkRoom()
