"""What each strength of a correction gives on held-out examples."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_lt.validation import check_choice


@dataclasses.dataclass(frozen=True)
class TauSweep:
    """Holds the accuracies for each `tau` that was tried, and the best one.

    Made by `choose_tau` and `choose_tau_normalization`;
    `report.plots.head_tail_curve` draws it.

    Args:
        taus: Strengths that were tried, in ascending order.
        scores: Accuracies by name, from 0 to 1: `accuracy` over the examples,
            `balanced_accuracy` as the mean over classes, and the means over
            the `many`, `medium` and `few` classes; None where there are no
            such classes. Each is an array of shape `(taus,)`, or
            `(taus, exits)`.

    Example:

    >>> logits = np.log([[0.6, 0.4], [0.9, 0.1]])  # Of the second class.
    >>> sweep = keras_lt.posthoc.choose_tau(
    ...     np.concatenate([logits[1:], logits]), [0, 1, 1], [500, 5]
    ... )
    >>> sweep.tau, sweep.balanced_accuracy
    (0.1, 0.75)
    >>> sweep.points("many", "few")[:2]
    [(0.0, 1.0, 0.0), (0.1, 1.0, 0.5)]
    """

    taus: tuple[float, ...]
    scores: Mapping[str, np.ndarray | None]

    @property
    def tau(self) -> float | tuple[float, ...]:
        """The `tau` of the best balanced accuracy, or that of each exit.

        Of several that are as good, the smallest.
        """
        places = np.argmax(self._balanced, axis=0)
        if places.ndim == 0:
            return self.taus[places]
        return tuple(self.taus[place] for place in places)

    @property
    def balanced_accuracy(self) -> float | tuple[float, ...]:
        """The best balanced accuracy, or that of each exit."""
        best = self._balanced.max(axis=0).tolist()
        return best if isinstance(best, float) else tuple(best)

    def points(
        self, x: str = "many", y: str = "few"
    ) -> list[tuple[float, float, float]]:
        """Returns `(tau, x, y)` for each `tau`: what head and tail have.

        Args:
            x: Name of a score, as in `scores`.
            y: Name of another.

        Raises:
            ValueError: If there is no such score, or one for each exit.
        """
        columns = [self._score(name) for name in (x, y)]
        return list(zip(self.taus, *columns, strict=True))

    def _score(self, name: str) -> list[float]:
        check_choice("score", name, tuple(self.scores))
        values = self.scores[name]
        if values is None:
            raise ValueError(
                f"There must be examples of {name!r} to have a score. "
                "Received: a sweep without. Pass class counts, and others for "
                "`many` and `few` if no class is in the group."
            )
        if values.ndim != 1:
            raise ValueError(
                "Points must be those of one exit. Received: a sweep over "
                f"{values.shape[1]} exits. Sweep the logits of one of them, "
                "`logits[:, -1]` for the last."
            )
        return values.tolist()

    @property
    def _balanced(self) -> np.ndarray:
        values = self.scores["balanced_accuracy"]
        return np.zeros(len(self.taus)) if values is None else values
