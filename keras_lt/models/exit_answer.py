"""What a model with exits answers."""

from typing import NamedTuple

import numpy as np


class ExitAnswer(NamedTuple):
    """The logits of each image, where it left, and what that saved.

    Args:
        logits: `(n, classes)` float32, in the order of the images.
        exits: `(n,)` int32, the exit of each image, from 1.
        flops_saved: Share of the work of the plain backbone that was not
            done. It is below 0 where the branches cost more than is saved.
        seconds: Time from the first batch to the last answer, reading and, in
            the first call, compilation included.

    Example:

    >>> answer = keras_lt.models.ExitAnswer(
    ...     np.zeros((2, 10)), np.array([1, 3]), flops_saved=0.3, seconds=0.1
    ... )
    >>> answer.flops_saved
    0.3
    """

    logits: np.ndarray
    exits: np.ndarray
    flops_saved: float
    seconds: float
