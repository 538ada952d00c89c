"""What early exits give and take on one mix of classes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

DIGITS = 12
"""Shares are rounded to these, so that all examples are 1 and not almost."""


@dataclasses.dataclass(frozen=True)
class ExitScores:
    """Holds the accuracy, the work and the exits of one mix of classes.

    Args:
        num_examples: Number of examples.
        accuracy: Share that is recognised.
        cost: Mean work, as a share of that of the plain backbone.
        exit_shares: Share that leaves at each exit; they sum to 1.
        accuracy_loss: By how much the answer at full depth is better; below 0
            if it is worse. None if it is not known.
        standard_error: Of the loss, if early and full answers were equally
            good: the root of the squared weights of the examples that only
            one of them recognises, as in McNemar's test. None if not known.
        seconds: Mean time of an example, or None.

    Example:

    >>> scores = keras_lt.inference.ExitScores(10, 0.9, 0.75, (0.5, 0.5))
    >>> scores.saving
    0.25
    """

    num_examples: int
    accuracy: float
    cost: float
    exit_shares: tuple[float, ...]
    accuracy_loss: float | None = None
    standard_error: float | None = None
    seconds: float | None = None

    @property
    def saving(self) -> float:
        """Share of the work of the plain backbone that is not done."""
        return 1.0 - self.cost


def score_exits(
    exits: np.ndarray,
    correct: np.ndarray,
    weights: Mapping[str, np.ndarray | None],
    costs: np.ndarray,
    seconds: np.ndarray | None = None,
    full: np.ndarray | None = None,
) -> dict[str, ExitScores | None]:
    """Returns the scores of each mix of classes; None where it is empty.

    Args:
        exits: Exit of each example `(n,)`, from 1.
        correct: Whether each example is recognised `(n,)`.
        weights: Weight of each example in each mix.
        costs: Cost of leaving at each exit `(K,)`.
        seconds: Time of leaving at each exit `(K,)`, or None.
        full: Whether each is recognised at full depth `(n,)`, or None.
    """
    found: dict[str, ExitScores | None] = {}
    for mix, values in weights.items():
        if values is None:
            found[mix] = None
            continue
        shares = np.bincount(exits - 1, values, minlength=len(costs))
        found[mix] = ExitScores(
            num_examples=int(np.count_nonzero(values)),
            accuracy=_rounded(values @ correct),
            cost=_rounded(shares @ costs),
            exit_shares=tuple(map(_rounded, shares)),
            seconds=None if seconds is None else float(shares @ seconds),
            **_losses(values, correct, full),
        )
    return found


def _losses(
    weights: np.ndarray, correct: np.ndarray, full: np.ndarray | None
) -> dict[str, Any]:
    if full is None:
        return {}
    change = full.astype("int64") - correct
    return {
        "accuracy_loss": _rounded(weights @ change),
        "standard_error": _rounded(np.sqrt(weights**2 @ change**2)),
    }


def _rounded(share: float) -> float:
    return round(float(share), DIGITS)
