"""Reads logits that come as arrays, of one classifier or of several exits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.float_arrays import as_array
from keras_lt.float_arrays import finite_floats
from keras_lt.float_arrays import look_like_probabilities
from keras_lt.types import Tensor
from keras_lt.validation import check_labels
from keras_lt.validation import check_not_negative

_VALUES_AT_A_TIME = 1 << 22


def as_logits(logits: Tensor, num_classes: int | None = None) -> np.ndarray:
    """Returns logits as finite floats, or raises.

    Args:
        logits: `(n, classes)`, or `(n, exits, classes)`.
        num_classes: Size that the last axis must have, if it is known.

    Returns:
        An array of the same shape, in float64 if it was so, else in float32.
    """
    values = as_array(logits)
    size = "classes" if num_classes is None else num_classes
    fits = num_classes in (None, values.shape[-1] if values.ndim else None)
    if values.ndim not in (2, 3) or not fits:
        raise ValueError(
            "`logits` must hold one number per example and class, of shape "
            f"(n, {size}), or (n, exits, {size}). Received: shape "
            f"{values.shape}. Pass the counts of the classes that the model "
            "has."
        )
    found = finite_floats("logits", values)
    # Narrow where it can be: the logits of a single image may sum to 1, too.
    exact = values.dtype in ("float32", "float64")
    tolerance = 1e-4 if exact else 1e-2
    if found.size and look_like_probabilities(found, tolerance):
        raise ValueError(
            "`logits` must be the outputs before the softmax. Received: rows "
            "from 0 to 1 that sum to 1, which are probabilities. Pass "
            "`np.log(probabilities)`, or a model without its softmax."
        )
    return found


def as_held_out(
    logits: Tensor, labels: Any, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits `(n, exits, classes)` and labels that go with them.

    Logits of shape `(n, classes)` count as those of one exit.
    """
    values = as_logits(logits, num_classes)
    ids = check_labels(labels, values.shape[-1])
    if len(ids) != len(values) or not len(ids):
        raise ValueError(
            "There must be one label per row of logits, and one row or more. "
            f"Received: {len(ids)} labels and {len(values)} rows. Predict the "
            "held-out examples in the order of their labels, all of them."
        )
    return (values if values.ndim == 3 else values[:, None]), ids


def by_exit(
    name: str, value: float | Sequence[float], logits: np.ndarray
) -> np.ndarray:
    """Returns a number, 0 or greater, for all logits or for each exit.

    Returns:
        An array that broadcasts with `logits`.
    """
    values = np.asarray(value, dtype="float64")
    exits = logits.shape[1] if logits.ndim == 3 else None
    if values.ndim > 1 or (values.ndim and len(values) != exits):
        wanted = "one number"
        if exits is not None:
            wanted += f", or one for each of the {exits} exits"
        raise ValueError(
            f"`{name}` must be {wanted}. Received: an array of shape "
            f"{values.shape} for logits of shape {logits.shape}."
        )
    for one in values.ravel().tolist():
        check_not_negative(name, one)
    return values[..., None]


def parts(size: int, width: int) -> list[slice]:
    """Cuts `size` rows of `width` values into parts of a moderate size."""
    step = max(1, _VALUES_AT_A_TIME // max(1, width))
    return [slice(start, start + step) for start in range(0, size, step)]
