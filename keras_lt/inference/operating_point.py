"""One setting of the thresholds, and what it gives."""

import dataclasses
from collections.abc import Mapping
from typing import cast

from keras_lt.inference.exit_scores import ExitScores
from keras_lt.markdown import percent
from keras_lt.markdown import table

TITLES = {"all": "all images", "balanced": "mean of classes"}
"""What mixes of classes are called; groups have their own names."""


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """Holds the thresholds of the exits, and what they give on some examples.

    Made by `choose_thresholds`, `ExitOutcomes.at` and `score_answers`.

    Args:
        thresholds: One for each exit but the last, or None if there are none
            that give these answers.
        scores: Accuracy, work and exits of each mix of classes: `all` the
            examples as they are, `balanced` with every class alike, and the
            `many`, `medium` and `few` classes, each class alike. None where a
            mix has no examples.

    Example:

    >>> logits = 4 * np.eye(2)[[[0, 0], [1, 1], [0, 1]]]  # Three images.
    >>> outcomes = keras_lt.inference.ExitOutcomes.from_logits(
    ...     logits, [0, 1, 1], costs=[0.4, 1.0], class_counts=[500, 5]
    ... )
    >>> point = outcomes.at(0.9)
    >>> point.exit_shares, round(point.saving, 4)
    ((1.0, 0.0), 0.6)
    >>> point.scores["few"].accuracy_loss
    0.5
    """

    thresholds: tuple[float, ...] | None
    scores: Mapping[str, ExitScores | None]

    def __str__(self) -> str:
        return self.to_markdown()

    @property
    def accuracy(self) -> float:
        """Share of the examples that are recognised."""
        return self._all.accuracy

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have examples."""
        return cast(ExitScores, self.scores["balanced"]).accuracy

    @property
    def cost(self) -> float:
        """Mean work, as a share of that of the plain backbone."""
        return self._all.cost

    @property
    def saving(self) -> float:
        """Share of the work of the plain backbone that is not done."""
        return self._all.saving

    @property
    def exit_shares(self) -> tuple[float, ...]:
        """Share of the examples that leaves at each exit."""
        return self._all.exit_shares

    def to_markdown(self) -> str:
        """Returns accuracy, work and exits of each group, as a table."""
        head = ["", "images", "accuracy %"]
        timed = self._all.seconds is not None
        compared = self._all.accuracy_loss is not None
        head += ["loss, points"] if compared else []
        head += ["work %"] + (["ms an image"] if timed else [])
        number = len(self.exit_shares)
        head += [f"exit {k} %" for k in range(1, number + 1)]
        rows = [
            [TITLES.get(mix, mix), *_cells(scores, compared, timed)]
            for mix, scores in self.scores.items()
            if scores is not None
        ]
        text = table(head, rows) + "\n"
        if self.thresholds:
            text = f"Thresholds: {threshold_text(self.thresholds)}.\n\n{text}"
        return text

    @property
    def _all(self) -> ExitScores:
        # Only a group can be without examples.
        return cast(ExitScores, self.scores["all"])


def threshold_text(thresholds: tuple[float, ...]) -> str:
    """Returns thresholds as text, one number where all are the same."""
    shown = thresholds[:1] if len(set(thresholds)) == 1 else thresholds
    return ", ".join(f"{value:.4g}" for value in shown)


def loss_text(scores: ExitScores) -> str:
    """Returns the loss of accuracy in points, and its standard error."""
    if scores.accuracy_loss is None or scores.standard_error is None:
        return "-"
    loss, error = percent(scores.accuracy_loss), percent(scores.standard_error)
    return f"{loss} ± {error}"


def _cells(scores: ExitScores, compared: bool, timed: bool) -> list[str]:
    cells = [f"{scores.num_examples:,}", percent(scores.accuracy)]
    cells += [loss_text(scores)] if compared else []
    cells.append(percent(scores.cost))
    if timed:
        seconds = scores.seconds
        cells.append("-" if seconds is None else f"{1000 * seconds:.3g}")
    return cells + [percent(share) for share in scores.exit_shares]
