"""Which examples run through which stage, and when."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_lt.inference._engine.exit_log import ExitLog
from keras_lt.inference._engine.waiting_room import WaitingRoom
from keras_lt.types import Tensor

Outputs = tuple[Tensor, Tensor | None, Tensor | None]
"""Logits, who leaves, and features of a batch; of the last stage, logits."""

Stage = Callable[[Tensor], Outputs]
"""Computes a batch. It may return before the computation has ended."""


class _Running(NamedTuple):
    """A batch that a stage was started on."""

    position: int
    ids: np.ndarray
    outputs: Outputs


class Flow:
    """Sends examples through stages until each has left.

    Those that stay after a stage wait for company, so that the next one runs
    on full batches. No room ever holds two full batches, so memory does not
    grow with the number of examples; only answers do.

    Args:
        stages: In order. Rows beyond those that were asked for are padding.
        rooms: One before each stage but the first.
        batch_size: Number of examples of a full batch.
        log: Gets the answers.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        rooms: Sequence[WaitingRoom],
        batch_size: int,
        log: ExitLog,
    ):
        self._stages = stages
        self._rooms = rooms
        self._waiting = [np.zeros(0, "int64") for _ in rooms]
        self._batch_size = batch_size
        self._log = log
        self._running: _Running | None = None

    def enter(self, rows: Tensor, ids: np.ndarray) -> None:
        """Starts the first stage on a batch: a full one, or the last.

        It does not wait for the answers, so that the next batch is read while
        a GPU computes this one.
        """
        self.settle()
        self._running = _Running(0, ids, self._stages[0](rows))

    def settle(self) -> None:
        """Waits for the batch that runs, and for what it gives rise to."""
        running, self._running = self._running, None
        self._follow(running)

    def finish(self) -> None:
        """Sends all who still wait through the stages that they need."""
        self.settle()
        for position in range(1, len(self._stages)):
            if len(self._waiting[position - 1]):
                self._follow(self._start(position))

    def _follow(self, running: _Running | None) -> None:
        while running is not None:
            running = self._advance(running)

    def _start(self, position: int) -> _Running:
        """Starts a later stage on those who wait for it."""
        waiting = self._waiting[position - 1]
        ids = waiting[: self._batch_size]
        self._waiting[position - 1] = waiting[len(ids) :]
        rows = self._rooms[position - 1].take(len(ids))
        return _Running(position, ids, self._stages[position](rows))

    def _advance(self, running: _Running) -> _Running | None:
        """Notes who left; starts the next stage if its batch is full."""
        position, ids, (logits, leaves, features) = running
        found = ops.convert_to_numpy(logits)[: len(ids)]
        if leaves is None:
            self._log.write(ids, found, position + 1)
            return None
        left = ops.convert_to_numpy(leaves)[: len(ids)]
        if left.any():
            self._log.write(ids[left], found[left], position + 1)
        if left.all():
            return None
        self._rooms[position].add(features, np.flatnonzero(~left))
        self._waiting[position] = np.append(self._waiting[position], ids[~left])
        if len(self._waiting[position]) < self._batch_size:
            return None
        return self._start(position + 1)
