"""Makes the next batches in threads, without letting them change anything."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keras_lt.validation import check_not_negative_int

_PER_THREAD = 2


class LookAhead:
    """Keeps the batches after the last one that was asked for under way.

    Each is known by its epoch and index, so neither timing nor a change of the
    epoch in the middle can put one in the place of another. Where every tenth
    batch is asked for, as to look at a part of the data, those are made.

    Args:
        make: Makes the batch of `(epoch, index)`; called from any thread.
        length: Number of batches of an epoch.
        num_threads: 0 makes each batch when it is asked for.
    """

    def __init__(
        self, make: Callable[[int, int], Any], length: int, num_threads: int
    ):
        self.make = make
        self.length = length
        self.num_threads = check_not_negative_int("num_threads", num_threads)
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0
        self._pending: dict[tuple[int, int], Future[Any]] = {}
        self._last = (0, -1)

    @property
    def in_flight(self) -> int:
        """Most batches that are under way, with the one that is asked for."""
        return 1 + self.num_threads * _PER_THREAD

    def get(self, epoch: int, index: int) -> Any:
        """Returns the batch of `(epoch, index)`."""
        if self.num_threads == 0:
            return self.make(epoch, index)
        with self._lock:
            self._start()
            step = self._step_to(epoch, index)
            last = min(self.length, index + step * self.in_flight)
            window = [(epoch, number) for number in range(index, last, step)]
            for key in set(self._pending).difference(window):
                self._pending.pop(key).cancel()
            for key in window:
                if key not in self._pending:
                    self._pending[key] = self._submit(key)
            wanted = self._pending.pop((epoch, index))
        return wanted.result()

    def _step_to(self, epoch: int, index: int) -> int:
        """Returns how far this batch is from the last one, 1 or more."""
        last_epoch, last = self._last
        self._last = (epoch, index)
        return max(1, index - last) if epoch == last_epoch else 1

    def _submit(self, key: tuple[int, int]) -> Future[Any]:
        if self._pool is None:
            raise RuntimeError("The threads have not been started.")
        return self._pool.submit(self.make, *key)

    def _start(self) -> None:
        """Starts the threads, once in each process: a fork loses them."""
        if self._pool is None or self._process != os.getpid():
            self._pool = ThreadPoolExecutor(
                self.num_threads, "keras_lt_batches"
            )
            self._process = os.getpid()
            self._pending = {}
