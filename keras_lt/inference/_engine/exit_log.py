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
        self._make_room(self._logits, int(ids.max()) + 1)
        self._logits[ids] = logits
        self._exits[ids] = exit

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns logits `(n, classes)` and exits `(n,)`, once all are in."""
        if self._logits is None or not self._exits[: self._size].all():
            raise RuntimeError("Some examples were left without an answer.")
        self._resize(self._logits, self._size)
        return self._logits, self._exits

    def _make_room(self, logits: np.ndarray, size: int) -> None:
        self._size = max(self._size, size)
        if self._size > self._capacity:
            self._resize(logits, max(2 * self._capacity, self._size))

    def _resize(self, logits: np.ndarray, capacity: int) -> None:
        # In place, so that there are never two copies of all answers.
        logits.resize((capacity, *logits.shape[1:]), refcheck=False)
        self._exits.resize(capacity, refcheck=False)
        self._capacity = capacity
