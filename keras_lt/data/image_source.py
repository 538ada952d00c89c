"""What images are to this library: an array, or something that acts as one."""

from typing import Protocol
from typing import runtime_checkable

import numpy as np


@runtime_checkable
class ImageSource(Protocol):
    """Gives images by row, without having them all in memory.

    A NumPy array is one; `ImageFiles` is one that reads from a disk. Write
    another for images that live elsewhere: three members are enough.

    Example:

    >>> from keras_lt import data
    >>> isinstance(np.zeros((2, 8, 8, 3)), data.ImageSource)
    True
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, height, width, channels)`."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, rows: np.ndarray | slice | int) -> np.ndarray:
        """Images of these rows, `(len(rows), height, width, channels)`."""
