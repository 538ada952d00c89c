"""Puts the parts of a batch together that threads have worked on."""

import threading
from collections.abc import Callable

import numpy as np

Empty = Callable[..., np.ndarray]
"""Makes an array of a shape and a type, as `np.empty` does."""


class GatheredParts:
    """Copies parts into one array, made when the first part has come.

    Args:
        count: Number of images of the batch.
        empty: Makes the array.
    """

    def __init__(self, count: int, empty: Empty = np.empty):
        self.count = count
        self.empty = empty
        self._images: np.ndarray | None = None
        self._lock = threading.Lock()

    def put(self, place: slice, images: np.ndarray) -> None:
        """Puts images where they belong; may be called in any thread."""
        with self._lock:
            if self._images is None:
                shape = (self.count, *images.shape[1:])
                self._images = self.empty(shape, images.dtype)
            whole = self._images
        whole[place] = images

    def whole(self) -> np.ndarray:
        """Returns all the images."""
        if self._images is None:
            raise RuntimeError("No part of the batch has come.")
        return self._images
