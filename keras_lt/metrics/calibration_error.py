"""How far confidence is from accuracy, also on rare classes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.counts import groups_with_classes
from keras_lt.ops.by_class import weights_or_ones
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_positive_int


@serializable
class CalibrationError(keras.metrics.Metric):
    """Measures how far the confidence of predictions is from their accuracy.

    A network trained on a long tail is over-confident most of all on images of
    rare classes, which it mostly answers with a frequent one. The expected
    calibration error sorts predictions into bins by the largest probability,
    and averages over bins the distance between mean confidence and accuracy,
    weighed by the number of examples in the bin.

    The result is a dictionary: `ece` over all examples and, with
    `class_counts`, `ece_many`, `ece_medium` and `ece_few` over the examples
    whose true class is in the group. A group to which `class_counts` gives no
    class has no key; one of which no example was seen is 0.

    Args:
        class_counts: Number of training examples of each class, by label; 0 is
            allowed. None gives `ece` alone.
        num_bins: Number of bins of equal width from 0 to 1.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
        from_logits: Whether predictions are logits rather than probabilities.
        name: Name of the metric; it is not in the logs.
        dtype: None or "float32".

    `y_true` holds class ids `(batch,)` or `(batch, 1)`, or one-hot or soft
    labels `(batch, classes)`, which count as their largest class. Examples of
    `sample_weight` 0 are left out.

    Raises:
        ValueError: If a count is negative, `num_bins` is not positive, or the
            predictions are not one per class.

    Example:

    >>> metric = keras_lt.metrics.CalibrationError(from_logits=False)
    >>> result = metric(np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]))
    >>> round(float(result["ece"]), 4)
    0.4

    Reference:

    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), equation 3.
    """

    def __init__(
        self,
        class_counts: ClassCounts | None = None,
        num_bins: int = 15,
        many: int = 100,
        few: int = 20,
        from_logits: bool = True,
        name: str = "calibration_error",
        dtype: Any = None,
    ):
        super().__init__(check_float32(dtype), name)
        self.class_counts = None
        if class_counts is not None:
            counts = check_class_counts(class_counts, allow_zero=True)
            self.class_counts = counts
        self.num_bins = check_positive_int("num_bins", num_bins)
        self.many = many
        self.few = few
        self.from_logits = from_logits
        self._groups, self._group_of_class = _groups(
            self.class_counts, many, few
        )
        shape = (max(len(self._groups), 1) * self.num_bins,)
        self.confidence = self.add_variable(
            shape, "zeros", dtype="float32", name="confidence"
        )
        self.correct = self.add_variable(
            shape, "zeros", dtype="float32", name="correct"
        )
        self.total = self.add_variable(
            shape, "zeros", dtype="float32", name="total"
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        num_classes = len(self.class_counts or ()) or y_pred.shape[-1]
        check_batch(y_true, y_pred, num_classes)
        labels = as_class_ids(y_true, num_classes)
        weights = weights_or_ones(labels, sample_weight)
        if self.from_logits:
            y_pred = ops.softmax(y_pred, axis=-1)
        confidence = ops.max(y_pred, axis=-1)
        predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        correct = ops.cast(ops.equal(predicted, labels), "float32")
        cells = self._cells(labels, confidence)
        for variable, values in (
            (self.confidence, weights * confidence),
            (self.correct, weights * correct),
            (self.total, weights),
        ):
            variable.assign_add(
                ops.segment_sum(values, cells, num_segments=variable.shape[0])
            )

    def result(self) -> dict[str, Tensor]:
        shape = (-1, self.num_bins)
        confidence = ops.reshape(self.confidence, shape)
        correct = ops.reshape(self.correct, shape)
        total = ops.reshape(self.total, shape)
        gaps = ops.sum(ops.abs(correct - confidence), axis=-1)
        errors = ops.divide_no_nan(gaps, ops.sum(total, axis=-1))
        gap = ops.sum(ops.abs(ops.sum(correct - confidence, axis=0)))
        result = {"ece": ops.divide_no_nan(gap, ops.sum(total))}
        for row, group in enumerate(self._groups):
            result[f"ece_{group}"] = errors[row]
        return result

    def get_config(self) -> Config:
        counts = self.class_counts
        return {
            **super().get_config(),
            "class_counts": None if counts is None else list(counts),
            "num_bins": self.num_bins,
            "many": self.many,
            "few": self.few,
            "from_logits": self.from_logits,
        }

    def _cells(self, labels: Tensor, confidence: Tensor) -> Tensor:
        """Returns the place of each example in the grid of group and bin."""
        # Bins are open below and closed above, as in the paper.
        bins = ops.cast(ops.ceil(confidence * self.num_bins), "int32") - 1
        bins = ops.clip(bins, 0, self.num_bins - 1)
        if not self._groups:
            return bins
        group = ops.take(ops.convert_to_tensor(self._group_of_class), labels)
        return group * self.num_bins + bins


def _groups(
    class_counts: ClassCounts | None, many: int, few: int
) -> tuple[tuple[str, ...], np.ndarray | None]:
    """Returns the names of groups that have classes, and each class's row."""
    if class_counts is None:
        return (), None
    members = groups_with_classes(class_counts, many, few)
    rows = np.zeros(len(class_counts), "int32")
    for row, labels in enumerate(members.values()):
        rows[labels] = row
    return tuple(members), rows
