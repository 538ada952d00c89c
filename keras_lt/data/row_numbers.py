"""Which rows are meant: by number, or by a mask."""

from typing import Any

import numpy as np


def as_row_numbers(rows: Any, size: int) -> np.ndarray:
    """Returns rows as whole numbers `(n,)`, or raises if they are not.

    Args:
        rows: Whole numbers `(n,)`, or a mask: `size` truth values.
        size: How many rows there are.
    """
    values = np.asarray(rows)
    if values.shape == (0,):
        return values.astype("int64")
    if values.dtype.kind == "b" and values.shape == (size,):
        return np.flatnonzero(values)
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise ValueError(
            "`rows` must be whole numbers of shape (n,), or a mask of one "
            f"truth value for each of the {size} rows. Received: dtype="
            f"{values.dtype} of shape {values.shape}. Pass for instance "
            "`np.flatnonzero(mask)`."
        )
    return values.astype("int64", copy=False)
