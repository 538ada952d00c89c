"""What makes some thresholds better than others."""

import dataclasses

import numpy as np

ROUNDING = 10
"""Digits that count: sums of weights differ in those behind."""


@dataclasses.dataclass(frozen=True, eq=False)
class ThresholdGoal:
    """Holds the limits, and what is to be as small as possible within them.

    It reads rows of totals: the work, then for each mix of classes the loss of
    accuracy against full depth, then for each the squared standard error.

    Args:
        limits: Greatest loss of each mix `(mixes,)`; infinite if any will do.
        judged: Places of the mixes whose largest loss is to be small.
        budget: Greatest work.
        cheapest: Whether work comes before accuracy.
        margin: Standard errors by which a loss must stay below its limit.
    """

    limits: np.ndarray
    judged: tuple[int, ...]
    budget: float = np.inf
    cheapest: bool = False
    margin: float = 0.0

    def keys(self, totals: np.ndarray) -> np.ndarray:
        """Returns what rows are sorted by `(..., 3)`: the lesser is better.

        Args:
            totals: Work, losses and squared errors, `(..., 1 + 2 * mixes)`.
        """
        mixes = len(self.limits)
        work = totals[..., 0].round(ROUNDING)
        losses = totals[..., 1 : 1 + mixes]
        errors = np.sqrt(np.maximum(totals[..., 1 + mixes :], 0.0))
        over = losses + self.margin * errors > self.limits + 1e-9
        fails = over.any(axis=-1) | (work > self.budget + 1e-9)
        loss = losses[..., list(self.judged)].max(axis=-1).round(ROUNDING)
        order = (work, loss) if self.cheapest else (loss, work)
        return np.stack([fails, *order], axis=-1)

    def best(self, totals: np.ndarray) -> int:
        """Returns the place of the best row; of equals the first."""
        fails, first, second = self.keys(totals).T
        return int(np.lexsort((second, first, fails))[0])

    def is_met(self, totals: np.ndarray) -> bool:
        """Tells whether a row is within all limits."""
        return not self.keys(totals)[0]

    def without_budget(self) -> "ThresholdGoal":
        """Returns the goal of the least work within the other limits."""
        return dataclasses.replace(self, budget=np.inf, cheapest=True)
