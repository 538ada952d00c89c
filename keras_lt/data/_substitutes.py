"""Puts another image of the same class in the place of a broken one."""

import threading
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_lt.data.broken_images_error import BrokenImagesError
from keras_lt.samplers import ClassIndex


class Substitutes:
    """Knows which rows are broken, and which are taken instead.

    The substitute of a row is the next one of its class that is not broken,
    by position in the data, and after the last one the first. It depends on
    the data alone, and is the same in every process and epoch.

    Args:
        index: The rows of each class.
        allowed: Whether to replace rows at all.
    """

    def __init__(self, index: ClassIndex, allowed: bool):
        self.index = index
        self.allowed = allowed
        self.broken: dict[int, str] = {}
        self._lock = threading.Lock()
        self._reported = 0

    def read(
        self, rows: np.ndarray, read: Callable[[np.ndarray], Any]
    ) -> tuple[np.ndarray, Any]:
        """Returns the rows that could be read, and what `read` gives for them.

        Raises:
            BrokenImagesError: If a row is broken, and may not be replaced.
        """
        while True:
            rows = self._replaced(rows)
            try:
                return rows, read(rows)
            except BrokenImagesError as error:
                if not self.allowed:
                    raise
                self._add(
                    {int(rows[p]): text for p, text in error.messages.items()}
                )

    def report(self) -> None:
        """Warns how many rows are broken, if there are more than last time."""
        count = len(self.broken)
        if count > max(1, self._reported):
            warnings.warn(
                f"{count} of {len(self.index)} rows cannot be read and are "
                "replaced by others of their class; `broken` lists them.",
                stacklevel=2,
            )
        self._reported = count

    def _replaced(self, rows: np.ndarray) -> np.ndarray:
        with self._lock:
            if not self.broken:
                return rows
            wrong = np.isin(rows, list(self.broken))
            found = rows.copy()
            found[wrong] = [self._next(int(row)) for row in rows[wrong]]
            return found

    def _add(self, messages: Mapping[int, str]) -> None:
        with self._lock:
            first = not self.broken
            self.broken.update(messages)
        if first:
            row, message = next(iter(messages.items()))
            warnings.warn(
                f"Row {row} is replaced by another one of its class, as will "
                f"be all that cannot be read; `broken` lists them. {message}",
                stacklevel=2,
            )

    def _next(self, row: int) -> int:
        label = self.index.labels[row]
        start, count = self.index.starts[label], self.index.counts[label]
        own = self.index.rows[start : start + count]
        place = int(np.searchsorted(own, row))
        for other in np.roll(own, -place - 1).tolist():
            if other not in self.broken:
                return other
        raise ValueError(
            "Every class must have an image that can be read. Received: class "
            f"{label}, none of whose {count} images can. The last: "
            f"{self.broken[row]}"
        )
