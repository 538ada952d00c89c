"""Arrays whose memory is used again."""

import sys
import threading
from typing import Any

import numpy as np


class ReusedArrays:
    """Gives arrays of memory that nothing looks at any more, where it can.

    The operating system clears fresh memory before it gives it away, which,
    for a batch of large images, can take as long as to augment them. An array
    is given away again when the views of it are gone: tensors that share its
    memory, on any backend, hold one.

    Args:
        limit: Number of arrays that are kept to be used again.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._arrays: list[np.ndarray] = []
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Returns an array of any content, as `np.empty` does."""
        with self._lock:
            for place in range(len(self._arrays)):
                if self._fits(place, shape, dtype):
                    return self._arrays[place].view()
            fresh = np.empty(shape, dtype)
            if len(self._arrays) < self.limit:
                self._arrays.append(fresh)
        return fresh.view()

    def _fits(self, place: int, shape: tuple[int, ...], dtype: Any) -> bool:
        unused = _references(self._arrays, place) == _UNUSED
        array = self._arrays[place]
        return unused and array.shape == shape and array.dtype == dtype


def _references(arrays: list[np.ndarray], place: int) -> int:
    return sys.getrefcount(arrays[place])


_UNUSED = _references([np.empty(0)], 0)
"""Count of an array that its list alone knows."""
