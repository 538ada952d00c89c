"""What Keras makes of the data of `fit`, where we have to do the same."""

import math
from typing import Any

_BATCH_SIZE = 32


def default_batch_size(x: Any, steps: int | None = None) -> int:
    """Returns how many rows Keras takes at a time if it is told none.

    Args:
        x: An array, or other data, of which `steps` change nothing.
        steps: How many batches an array is cut into.
    """
    if steps and hasattr(x, "shape"):
        return math.ceil(len(x) / steps)
    return _BATCH_SIZE


def num_trained_on(x: Any, validation_split: float) -> int:
    """Returns how many rows of arrays are trained on: those at the start."""
    return int(len(x) * (1.0 - validation_split))


def known_length(x: Any) -> int | None:
    """Returns the length of data; None if they have none, or not yet."""
    try:
        return len(x)
    except TypeError:
        return None
