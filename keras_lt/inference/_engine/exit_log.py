"""The answers that have come so far, each at the place of its example."""

import numpy as np


class ExitLog:
    """Holds logits and exits by example, and grows as examples come.

    Args:
        capacity: Number of examples, if it is known; else a first guess.
    """

    def __init__(self, capacity: int):
        self._capacity = max(1, capacity)
        self._size = 0
        self._logits: np.ndarray | None = None
        self._exits = np.zeros(self._capacity, "int32")

    def write(self, ids: np.ndarray, logits: np.ndarray, exit: int) -> None:
        """Notes that the examples `ids` left at `exit`, counted from 1."""
        if self._logits is None:
            shape = (self._capacity, *logits.shape[1:])
            self._logits = np.zeros(shape, "float32")
        self._make_room(int(ids.max()) + 1)
        self._logits[ids] = logits
        self._exits[ids] = exit

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns logits `(n, classes)` and exits `(n,)`, once all are in."""
        if self._logits is None or not self._exits[: self._size].all():
            raise RuntimeError("Some examples were left without an answer.")
        return self._logits[: self._size], self._exits[: self._size]

    def _make_room(self, size: int) -> None:
        self._size = max(self._size, size)
        if self._size > self._capacity and self._logits is not None:
            self._capacity = max(2 * self._capacity, self._size)
            # In place, so that there are never two copies of all answers.
            self._logits.resize(
                (self._capacity, *self._logits.shape[1:]), refcheck=False
            )
            self._exits.resize(self._capacity, refcheck=False)
