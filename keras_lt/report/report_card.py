"""The results of a model on a test set."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from keras_lt.report.bootstrap import Interval
from keras_lt.report.class_table import ClassTable
from keras_lt.report.confusion import Confusion
from keras_lt.report.confusion import count_confusions
from keras_lt.report.confusion import group_confusions
from keras_lt.report.confusion import rare_for_frequent
from keras_lt.report.group_scores import GroupScores
from keras_lt.report.outcomes import Outcomes
from keras_lt.report.reliability import Reliability
from keras_lt.report.reliability import reliability_of
from keras_lt.score_weights import score_weights


@dataclasses.dataclass(frozen=True, eq=False)
class ReportCard:
    """Holds what became of each test example, and all that follows from it.

    Made by `report.evaluate`, `report.from_logits` and `report.load`.

    Args:
        name: What the run is called in tables.
        classes: Names, training counts and groups of the classes.
        outcomes: Label, prediction, confidence and loss of each example.
        intervals: Ends of the 95 % bootstrap interval of each score.
        history: Values of each epoch by name, to plot.
        meta: Seed, date, and what else was given.

    Example:

    >>> logits, labels = np.eye(3) * 4, [0, 1, 2]
    >>> card = keras_lt.report.from_logits(logits, labels, [300, 50, 3])
    >>> card.accuracy, card.groups["few"].num_classes, card.top_5
    (1.0, 1, None)
    """

    name: str
    classes: ClassTable
    outcomes: Outcomes
    intervals: Mapping[str, Interval | None]
    history: Mapping[str, Sequence[float | None]] = dataclasses.field(
        default_factory=dict
    )
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"ReportCard(name={self.name!r}, examples={len(self.outcomes)}, "
            f"classes={len(self.classes)}, accuracy={self.accuracy:.4f}, "
            f"balanced_accuracy={self.balanced_accuracy:.4f})"
        )

    @property
    def accuracy(self) -> float:
        """Share of the test examples that are recognised."""
        return float(self.outcomes.correct.mean())

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have test examples."""
        known = [a for a in self.class_accuracies if a is not None]
        return math.fsum(known) / len(known)

    @property
    def top_5(self) -> float | None:
        """Share with the true class in the first five; None up to 5 classes."""
        if len(self.classes) <= 5:
            return None
        return float(self.outcomes.in_top_5.mean())

    @property
    def negative_log_likelihood(self) -> float:
        """Mean loss of the true class, in nats."""
        return float(self.outcomes.losses.mean(dtype="float64"))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over all examples, with 15 bins."""
        return float(self.reliability["all"].calibration_error or 0.0)

    @cached_property
    def scores(self) -> dict[str, float | None]:
        """Accuracy, balanced accuracy, many, medium and few; None if empty."""
        accuracies = np.array([a or 0.0 for a in self.class_accuracies])
        weights = score_weights(self._supports, self.classes.groups)
        return {
            name: None if values is None else float(values @ accuracies)
            for name, values in weights.items()
        } | {
            # The exact sums, so that equal numbers also look equal.
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
        }

    @cached_property
    def class_supports(self) -> list[int]:
        """Number of test examples of each class, by label."""
        return self._supports.tolist()

    @cached_property
    def class_accuracies(self) -> list[float | None]:
        """Accuracy of each class, by label; None without test examples."""
        labels = self.outcomes.labels[self.outcomes.correct]
        hits = np.bincount(labels, minlength=len(self.classes)).tolist()
        pairs = zip(hits, self.class_supports, strict=True)
        return [hit / number if number else None for hit, number in pairs]

    @cached_property
    def worst_class(self) -> int:
        """Label of the lowest accuracy; of equals the most frequent one."""
        known = [a is not None for a in self.class_accuracies]
        order = [label for label in self.classes.order if known[label]]
        return int(min(order, key=lambda label: self.class_accuracies[label]))

    @cached_property
    def groups(self) -> dict[str, GroupScores]:
        """Scores of the many, medium and few classes."""
        return {name: self._group_scores(name) for name in self.classes.groups}

    @cached_property
    def reliability(self) -> dict[str, Reliability]:
        """Confidence and accuracy in bins: of all examples, and by group."""
        outcomes = self.outcomes
        found = {"all": reliability_of(outcomes.confidences, outcomes.correct)}
        for name in self.classes.groups:
            rows = self._rows_of(name)
            found[name] = reliability_of(
                outcomes.confidences[rows], outcomes.correct[rows]
            )
        return found

    @cached_property
    def confusions(self) -> np.ndarray:
        """Rows `(label, predicted, count)` of all pairs that occur."""
        outcomes = self.outcomes
        return count_confusions(
            outcomes.labels, outcomes.predictions, len(self.classes)
        )

    @cached_property
    def group_confusions(self) -> dict[str, dict[str, float] | None]:
        """Share of the examples of each group that is taken for each group."""
        return group_confusions(self.confusions, self.classes)

    def top_confusions(self, limit: int | None = 10) -> list[Confusion]:
        """Lists the rare classes that are taken for more frequent ones.

        Args:
            limit: How many, the largest first; None for all.
        """
        found = rare_for_frequent(self.confusions, self.classes, self._supports)
        return found[:limit]

    def to_markdown(self) -> str:
        """Returns the report as Markdown tables, to print or to keep."""
        from keras_lt.report.markdown import card_to_markdown

        return card_to_markdown(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns all results, as plain values that JSON can hold."""
        from keras_lt.report.stored import card_to_dict

        return card_to_dict(self)

    def to_json(self) -> str:
        """Returns all results as JSON, with what the plots are drawn from."""
        # One line for each part: the lists are too long to have one per value.
        parts = (
            f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
            for key, value in self.to_dict().items()
        )
        return "{\n" + ",\n".join(parts) + "\n}\n"

    def save(self, folder: str | os.PathLike[str], plots: bool = True) -> None:
        """Writes `report.json`, `report.md` and the plots as PNG.

        Everything is written to a hidden folder first, and moved file by file
        when it is complete; if writing fails, for instance on a full disk,
        what was in `folder` stays as it was.

        Args:
            folder: Where to; made if it is not there.
            plots: Whether to draw. Needs `pip install "keras-lt[report]"`.
        """
        from keras_lt.report.stored import save_card

        save_card(self, folder, plots)

    @cached_property
    def _supports(self) -> np.ndarray:
        labels = self.outcomes.labels
        return np.bincount(labels, minlength=len(self.classes))

    def _rows_of(self, group: str) -> np.ndarray:
        place = list(self.classes.groups).index(group)
        return self.classes.group_of[self.outcomes.labels] == place

    def _group_scores(self, name: str) -> GroupScores:
        rows = self._rows_of(name)
        number = int(rows.sum())
        losses = self.outcomes.losses[rows]
        return GroupScores(
            num_classes=len(self.classes.groups[name]),
            num_examples=number,
            accuracy=self.scores[name],
            interval=self.intervals[name],
            calibration_error=self.reliability[name].calibration_error,
            negative_log_likelihood=(
                float(losses.mean(dtype="float64")) if number else None
            ),
        )
