"""What a backend has to offer to run stages."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import numpy as np

from keras_lt.inference._engine.waiting_room import WaitingRoom
from keras_lt.types import Tensor


class Device(Protocol):
    """Compiles functions, and keeps examples where they are computed."""

    def compile(
        self, function: Callable[[Tensor], Any], variables: Sequence[Any]
    ) -> Callable[[Tensor], Any]:
        """Returns `function` compiled, for the present values of `variables`.

        The values are read at each call, so that what `fit`, `load_weights`
        or an assignment changes counts from the next call on.
        """

    def put(self, rows: np.ndarray, batch_size: int) -> Tensor:
        """Returns rows as a tensor, which may have more rows: padding."""

    def waiting_room(self, batch_size: int) -> WaitingRoom:
        """Returns an empty place between two stages."""
