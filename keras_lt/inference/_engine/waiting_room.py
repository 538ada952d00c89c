"""Where examples wait until there are enough of them for a full batch."""

from typing import Protocol

import numpy as np

from keras_lt.types import Tensor


class WaitingRoom(Protocol):
    """Keeps feature maps in the order in which they came."""

    def add(self, features: Tensor, rows: np.ndarray) -> None:
        """Takes in these rows of `features`, a batch or a part of one."""

    def take(self, count: int) -> Tensor:
        """Gives the first `count`; it may append rows of padding."""
