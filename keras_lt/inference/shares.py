"""Thresholds at which given shares of the examples leave."""

from collections.abc import Sequence

import numpy as np

from keras_lt.inference.cuts import cut_between


def thresholds_for_shares(
    scores: np.ndarray, shares: Sequence[float]
) -> list[float]:
    """Finds the thresholds at which given shares of examples leave.

    It walks along the exits: of those that are still inside, the surest leave.
    Of examples with equal scores all leave or none, so that a share is met to
    the last example or, with ties, not quite reached. What is missing leaves
    at the next exit.

    Args:
        scores: How sure each exit but the last is `(n, K - 1)`, from 0 to 1:
            the `scores` of an `ExitOutcomes`.
        shares: Share that leaves at each exit `(K,)`; they sum to 1.

    Returns:
        A list of `K - 1` thresholds.

    Raises:
        ValueError: If the shares are not one per exit, or do not sum to 1.

    Example:

    >>> scores = np.array([[0.9, 0.9], [0.8, 0.3], [0.2, 0.6], [0.1, 0.4]])
    >>> keras_lt.inference.thresholds_for_shares(scores, [0.5, 0.25, 0.25])
    [0.5, 0.5]

    Reference:

    - [Huang et al., 2018](https://arxiv.org/abs/1703.09844), section 5.2.
    """
    values = np.asarray(scores, "float32")
    wanted = np.asarray(shares, "float64")
    _check(values, wanted)
    inside = np.arange(len(values))
    found = []
    for column, until in zip(values.T, np.cumsum(wanted), strict=False):
        out = round(until * len(values)) - (len(values) - len(inside))
        threshold = _cut(np.sort(column[inside])[::-1], out)
        inside = inside[column[inside] <= threshold]
        found.append(float(threshold))
    return found


def _cut(falling: np.ndarray, number: int) -> np.float32:
    """Returns the threshold at which at most `number` scores leave."""
    if number >= len(falling):
        return np.float32(0.0)
    while 0 < number and falling[number - 1] == falling[number]:
        number -= 1
    if number <= 0:
        return np.float32(1.0)
    return np.float32(cut_between(falling[number], falling[number - 1]))


def _check(scores: np.ndarray, shares: np.ndarray) -> None:
    if scores.ndim != 2 or not len(scores):
        raise ValueError(
            "`scores` must hold one number per example and exit but the last, "
            "of shape (n, exits - 1), and one example or more. Received: "
            f"shape {scores.shape}."
        )
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(
            "`scores` must be from 0 to 1. Received: values from "
            f"{scores.min()} to {scores.max()}. Pass probabilities, not logits."
        )
    if shares.shape != (scores.shape[1] + 1,):
        raise ValueError(
            "`shares` must hold one number per exit, "
            f"{scores.shape[1] + 1} in all. Received: shape {shares.shape}. "
            "Count the last exit too."
        )
    if not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            "`shares` must be 0 or greater and sum to 1. Received: "
            f"shares={shares.tolist()}, which sum to {shares.sum():.6g}."
        )
