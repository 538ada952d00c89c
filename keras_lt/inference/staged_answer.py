"""What an engine gives: answers, and where each came from."""

from typing import NamedTuple

import numpy as np


class StagedAnswer(NamedTuple):
    """The logits of each example, at the exit where it left.

    Args:
        logits: `(n, classes)` float32, in the order of the input.
        exits: `(n,)` int32, the exit of each example, counted from 1.
        seconds: Time from the first batch to the last answer, with reading
            the input and, in the first call, compilation.

    Example:

    >>> logits = np.zeros((3, 10), "float32")
    >>> answer = keras_lt.inference.StagedAnswer(logits, np.array([1, 3, 1]), 1)
    >>> float(np.mean(answer.exits == 1).round(2))
    0.67
    """

    logits: np.ndarray
    exits: np.ndarray
    seconds: float
