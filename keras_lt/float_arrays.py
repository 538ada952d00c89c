"""Reads what a model gave as arrays of floats."""

from typing import Any

import keras
import numpy as np

from keras_lt.validation import check_finite


def as_array(values: Any) -> np.ndarray:
    """Returns a tensor of the backend, or what NumPy reads, as an array."""
    if keras.ops.is_tensor(values):  # NumPy reads none that has a gradient.
        return keras.ops.convert_to_numpy(values)
    return np.asarray(values)


def finite_floats(
    name: str, values: np.ndarray, limit: float | None = None
) -> np.ndarray:
    """Returns finite floats, or raises.

    Args:
        name: What the array is called in the message.
        values: An array of numbers, of any type.
        limit: Greater numbers count as infinite. By default none do.

    Returns:
        The array in float64 if it was so, else in float32; copied only if
        that takes a copy.
    """
    if values.dtype.kind not in "iuf" and values.dtype.name != "bfloat16":
        raise ValueError(
            f"`{name}` must hold real numbers. Received: "
            f"dtype={values.dtype}. Pass what the model gives, as an array."
        )
    if values.dtype != np.float64:
        values = values.astype("float32", copy=False)
    check_finite(
        name,
        values,
        "Check the image of this row, and whether the training diverged.",
        limit,
    )
    return values


def look_like_probabilities(
    values: np.ndarray, tolerance: float = 1e-2
) -> bool:
    """Returns whether all of the rows are shares that sum to 1.

    Args:
        values: `(..., classes)`, not empty.
        tolerance: Greatest difference of a sum from 1. The sums of half
            precision are off by as much as the default.
    """
    # Cheap first: a row of logits with all of these properties is rare.
    for part in (values[:64], values):
        inside = part.min() >= 0 and part.max() <= 1 + 1e-3
        if not inside or np.abs(part.sum(axis=-1) - 1).max() > tolerance:
            return False
    return True
