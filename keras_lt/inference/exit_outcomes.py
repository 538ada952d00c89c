"""What each exit would answer to each of some examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np

from keras_lt.counts import class_groups
from keras_lt.inference.class_mixes import mix_weights
from keras_lt.inference.exit_arrays import check_costs
from keras_lt.inference.exit_arrays import check_exit_logits
from keras_lt.inference.exit_arrays import check_outcomes
from keras_lt.inference.exit_scores import score_exits
from keras_lt.inference.operating_point import OperatingPoint
from keras_lt.ops.early_exit import MEASURES
from keras_lt.ops.early_exit import certainty
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_thresholds

if TYPE_CHECKING:
    from keras_lt.inference.exit_curve import ExitCurve

CHUNK = 2**22
"""Logits that are scored together; keeps the memory small."""


@dataclasses.dataclass(frozen=True, eq=False)
class ExitOutcomes:
    """Holds what every exit would answer to each example, and how surely.

    With it, any thresholds can be tried without the model: `at` tells what
    they give, `curve` tries many, and `choose_thresholds` finds some. It keeps
    a few numbers of each example; the logits are let go.

    Choose thresholds on examples that the model was not trained on, or it is
    surer and better than it will be, and never on the test examples. Data sets
    such as CIFAR-LT have no validation part: hold out examples that the
    long-tailed subset leaves over, or else some of the training examples, and
    leave one of each class for training at least.

    Args:
        labels: True class ids `(n,)`.
        predictions: Class that each exit answers `(n, K)`.
        scores: How sure each exit but the last is `(n, K - 1)`, from 0 to 1,
            in float32.
        costs: Work of an example that leaves at each exit `(K,)`, as a share
            of that of the plain backbone. It counts all that was done up to
            there, so it grows.
        class_counts: Number of *training* examples of each class, by label.
        seconds: Time of an example that leaves at each exit `(K,)`, if known.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Raises:
        ValueError: If the arrays do not go together, or a value is outside of
            its range.

    Example:

    >>> outcomes = keras_lt.inference.ExitOutcomes(
    ...     labels=[0, 1],
    ...     predictions=[[0, 0], [0, 1]],
    ...     scores=[[0.95], [0.6]],
    ...     costs=[0.4, 1.0],
    ...     class_counts=[500, 5],
    ... )
    >>> point = outcomes.at(0.9)
    >>> point.accuracy, round(point.saving, 4)
    (1.0, 0.3)
    """

    labels: np.ndarray
    predictions: np.ndarray
    scores: np.ndarray
    costs: np.ndarray
    class_counts: tuple[int, ...]
    seconds: np.ndarray | None = None
    many: int = 100
    few: int = 20

    def __post_init__(self) -> None:
        counts = check_class_counts(self.class_counts, allow_zero=True)
        class_groups(counts, self.many, self.few)  # Raises if they overlap.
        labels, predictions, scores = check_outcomes(
            self.labels, self.predictions, self.scores, len(counts)
        )
        number = predictions.shape[1]
        fields: dict[str, Any] = {
            "class_counts": counts,
            "labels": labels,
            "predictions": predictions,
            "scores": scores,
            "costs": check_costs("costs", self.costs, number),
        }
        if self.seconds is not None:
            fields["seconds"] = check_costs("seconds", self.seconds, number)
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_logits(
        cls,
        exit_logits: Tensor,
        labels: Any,
        costs: Sequence[float] | np.ndarray,
        class_counts: ClassCounts,
        *,
        measure: str = "confidence",
        **kwargs: Any,
    ) -> ExitOutcomes:
        """Makes it of the logits of all exits.

        Args:
            exit_logits: `(n, K, classes)`, as `EarlyExitModel.exit_logits`
                gives them.
            labels: True class ids `(n,)`.
            costs: Work of an example that leaves at each exit `(K,)`.
            class_counts: Number of training examples of each class.
            measure: What `predict` compares with the thresholds:
                `"confidence"` or `"entropy"`.
            **kwargs: `seconds`, `many` and `few`.
        """
        counts = check_class_counts(class_counts, allow_zero=True)
        values = check_exit_logits(exit_logits, len(counts))
        scores, predictions = score_exit_logits(values, measure)
        return cls(
            labels=labels,
            predictions=predictions,
            scores=scores,
            costs=np.asarray(costs),
            class_counts=counts,
            **kwargs,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_exits(self) -> int:
        """Number of exits, the output of the backbone among them."""
        return self.predictions.shape[1]

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each exit recognises each example, `(n, K)`."""
        return self.predictions == self.labels[:, None]

    @cached_property
    def weights(self) -> dict[str, np.ndarray | None]:
        """Weight of each example in each mix of classes; None if empty."""
        return mix_weights(self.labels, self.class_counts, self.many, self.few)

    def exits_at(self, thresholds: float | Sequence[float]) -> np.ndarray:
        """Returns the exit at which each example leaves, int32, from 1.

        Args:
            thresholds: A number from 0 to 1, or one per exit but the last.
        """
        values = check_thresholds("thresholds", thresholds, self.num_exits - 1)
        # In float32, as a model compares them.
        leaves = self.scores > values.astype("float32")
        last = np.ones((len(self), 1), bool)
        stops = np.concatenate([leaves, last], axis=1)
        return (stops.argmax(axis=1) + 1).astype("int32")

    def at(self, thresholds: float | Sequence[float]) -> OperatingPoint:
        """Returns what some thresholds give.

        Args:
            thresholds: A number from 0 to 1, or one per exit but the last. An
                example leaves where its score is greater.
        """
        values = check_thresholds("thresholds", thresholds, self.num_exits - 1)
        point = self.leaving_at(self.exits_at(thresholds))
        return dataclasses.replace(point, thresholds=tuple(values.tolist()))

    def leaving_at(self, exits: np.ndarray) -> OperatingPoint:
        """Returns what it gives if the examples leave at these exits.

        Args:
            exits: Exit of each example `(n,)`, from 1.
        """
        correct = self.correct[np.arange(len(self)), exits - 1]
        scores = score_exits(
            exits,
            correct,
            self.weights,
            self.costs,
            self.seconds,
            self.correct[:, -1],
        )
        return OperatingPoint(None, scores)

    def curve(
        self,
        thresholds: Sequence[float] | Sequence[Sequence[float]] | None = None,
    ) -> ExitCurve:
        """Returns accuracy and work for many thresholds.

        Args:
            thresholds: Those to try: numbers, or rows of one per exit but the
                last. By default 13 numbers from 0 to 1.
        """
        from keras_lt.inference.exit_curve import trace

        return trace(self, thresholds)


def score_exit_logits(
    exit_logits: Tensor, measure: str = "confidence"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores `(n, K - 1)` and predictions `(n, K)` of logits.

    Use it batch by batch where all logits together do not fit into memory.

    Args:
        exit_logits: `(n, K, classes)`.
        measure: `"confidence"` or `"entropy"`.
    """
    check_choice("measure", measure, tuple(MEASURES))
    values = check_exit_logits(exit_logits)
    predictions = values.argmax(axis=-1).astype("int32")
    early = values[:, :-1]
    if not early.shape[1]:
        return np.zeros(early.shape[:2], "float32"), predictions
    size = max(1, CHUNK // values[0].size)
    parts = [
        # With the function that the model uses, so that decisions agree.
        keras.ops.convert_to_numpy(certainty(part, measure))
        for part in np.split(early, range(size, len(early), size))
    ]
    return np.concatenate(parts), predictions
