"""Images and their labels."""

from typing import Any

import numpy as np

from keras_lt.data.encoded_images import EncodedImages
from keras_lt.data.image_rows import ImageRows
from keras_lt.data.image_source import ImageSource
from keras_lt.data.row_numbers import as_row_numbers
from keras_lt.validation import check_finite
from keras_lt.validation import check_labels


class Examples:
    """Holds images and their labels: one part of a split.

    Args:
        x: Images of shape `(n, height, width, channels)`, as a NumPy array or
            as a lazy source such as `data.ImageFiles`. Arrays are not copied.
        y: Class id of each image, whole numbers from 0, of shape `(n,)`.
        rows: Where each image stood in the data it was taken from, for the
            manifest. By default they are numbered from 0.

    Raises:
        ValueError: If there are no images, or images and labels do not go
            together, or an image holds NaN or infinity.

    Example:

    >>> from keras_lt import data
    >>> examples = data.Examples(np.zeros((4, 8, 8, 1)), np.array([0, 0, 1, 1]))
    >>> len(examples), examples.take([0, 2]).y
    (4, array([0, 1], dtype=int32))
    """

    def __init__(
        self,
        x: np.ndarray | ImageSource,
        y: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> None:
        self.x = check_images(x)
        self.y = check_labels(y, name="y")
        if len(self.x) != len(self.y):
            raise ValueError(
                "`x` and `y` must have the same length. Received: "
                f"{len(self.x)} images and {len(self.y)} labels. Pass one "
                "label per image."
            )
        if not len(self.y):
            raise ValueError(
                "Examples must hold one image or more. Received: 0 images. "
                "Leave the part out (pass None) where there is nothing in it."
            )
        self.rows = np.arange(len(self.y)) if rows is None else np.asarray(rows)
        if self.rows.shape != self.y.shape:
            raise ValueError(
                "`rows` must hold one number per image. Received: shape "
                f"{self.rows.shape} for {len(self.y)} images."
            )

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Examples(images={self.x.shape}, labels={self.y.shape})"

    def take(self, rows: Any) -> "Examples":
        """Returns the examples of these rows; what was lazy stays lazy.

        Args:
            rows: Whole numbers of shape `(n,)`, a mask of one truth value for
                each example, or a slice.
        """
        if not isinstance(rows, slice):
            rows = as_row_numbers(rows, len(self))
        part = object.__new__(Examples)  # The images are checked already.
        part.x = take_images(self.x, rows)
        part.y = self.y[rows]
        part.rows = self.rows[rows]
        if not len(part):
            raise ValueError(
                "`rows` must name one example or more. Received: 0 rows of "
                f"{len(self)}."
            )
        return part


def take_images(x: Any, rows: Any) -> Any:
    """Returns these rows of an array, or of a lazy source without reading."""
    if isinstance(x, np.ndarray):
        return x[rows]
    if isinstance(x, EncodedImages | ImageRows):
        return x.take(rows)
    return ImageRows(x, np.arange(len(x))[rows])


def check_images(x: Any) -> Any:
    """Returns images that a network can take, or raises and says why not."""
    if isinstance(x, list | tuple):
        x = np.asarray(x)
    if not isinstance(x, ImageSource):
        raise ValueError(
            "`x` must be a NumPy array, or a lazy source with `shape`, "
            f"`len(x)` and `x[rows]`. Received: {type(x).__name__}. Use "
            "`np.asarray(x)`, or `data.ImageFiles` for files."
        )
    if len(x.shape) != 4:
        raise ValueError(
            "`x` must hold images, of shape (n, height, width, channels). "
            f"Received: shape {tuple(x.shape)}. Grey images need a last axis "
            "of one channel: `x[..., None]`."
        )
    if isinstance(x, np.ndarray):
        _check_pixels(x)
    return x


def _check_pixels(x: np.ndarray) -> None:
    if x.dtype.kind not in "iuf":
        raise ValueError(
            "`x` must hold numbers. Received: "
            f"dtype={x.dtype}. Convert it, for example by "
            "`x.astype('uint8')`."
        )
    # A file mapped into memory may be larger than the memory.
    if not isinstance(x, np.memmap):
        check_finite(
            "x",
            x,
            "One NaN spoils every weight of the network. Repair or remove such "
            "images: `np.isfinite(x).all(axis=(1, 2, 3))` finds them.",
        )
