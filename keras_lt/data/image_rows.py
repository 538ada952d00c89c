"""A part of a lazy source of images, as lazy as the whole."""

import numpy as np

from keras_lt.data.image_source import ImageSource
from keras_lt.data.row_numbers import as_row_numbers


class ImageRows:
    """Shows some rows of a lazy source as a source of its own.

    Args:
        source: Where the images come from.
        rows: Which of them, as whole numbers of shape `(n,)`, or as a mask.

    Example:

    >>> from keras_lt import data
    >>> part = data.ImageRows(np.arange(8).reshape(4, 2, 1, 1), [3, 1])
    >>> part[0].ravel(), part.shape
    (array([6, 7]), (2, 2, 1, 1))
    """

    def __init__(self, source: ImageSource, rows: np.ndarray) -> None:
        self.source = source
        self.rows = as_row_numbers(rows, len(source))

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, height, width, channels)`."""
        return (len(self), *self.source.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: np.ndarray | slice | int) -> np.ndarray:
        return self.source[self.rows[rows]]

    def take(self, rows: np.ndarray) -> "ImageRows":
        """Returns a part of this part."""
        return ImageRows(
            self.source, self.rows[as_row_numbers(rows, len(self))]
        )
