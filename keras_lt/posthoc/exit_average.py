"""Lets all exits of a network answer together."""

import numpy as np

from keras_lt.posthoc.logit_arrays import as_logits
from keras_lt.posthoc.logit_arrays import parts
from keras_lt.types import Tensor


def average_exits(exit_logits: Tensor) -> np.ndarray:
    """Returns the mean of the softmax of all exits, as log-probabilities.

    Exits of one network make mistakes of their own, so that together they are
    often better than the last one alone. It takes the work of the whole
    network. What is returned can be used like logits: `adjust_logits` or a
    report take it as it is.

    Args:
        exit_logits: `(n, exits, classes)`, as `EarlyExitModel.exit_logits`
            gives them, finite.

    Returns:
        Logarithms of probabilities `(n, classes)`, in float64 for float64
        logits and else in float32.

    Raises:
        ValueError: If the logits are not finite or not of this shape.

    Example:

    >>> exit_logits = np.log([[[0.9, 0.1], [0.3, 0.7]]])
    >>> np.exp(keras_lt.posthoc.average_exits(exit_logits)).round(4)
    array([[0.6, 0.4]])
    """
    values = as_logits(exit_logits)
    if values.ndim != 3 or not values.shape[1]:
        raise ValueError(
            "`exit_logits` must hold one row of logits per example and exit, "
            "of shape (n, exits, classes), and one exit or more. Received: "
            f"shape {values.shape}. `EarlyExitModel.exit_logits` gives them."
        )
    answers = np.empty((len(values), values.shape[2]), values.dtype)
    for rows in parts(len(values), values[0].size if len(values) else 1):
        answers[rows] = _log_mean(values[rows].astype("float64"))
    return answers


def _log_mean(logits: np.ndarray) -> np.ndarray:
    log_odds = logits - _log_sum(logits, axis=2)
    return (_log_sum(log_odds, axis=1) - np.log(logits.shape[1]))[:, 0]


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """Returns the logarithm of the sum of exponentials, without overflow."""
    largest = values.max(axis=axis, keepdims=True)
    total = np.exp(values - largest).sum(axis=axis, keepdims=True)
    return largest + np.log(total)
