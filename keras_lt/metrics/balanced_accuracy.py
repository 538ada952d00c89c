"""Accuracy in which every class counts the same."""

from typing import Any

import keras
from keras import ops

from keras_lt.ops.by_class import correct_by_class
from keras_lt.ops.by_class import mean_of_class_means
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_float32
from keras_lt.validation import check_positive_int


@serializable
class BalancedAccuracy(keras.metrics.Metric):
    """Averages the accuracies of the classes, each with the same weight.

    On long-tailed data, plain accuracy is mostly that of the frequent classes.
    Here, classes of which no example was seen since the last reset are left
    out; with no example at all the result is 0.

    Args:
        num_classes: Number of classes.
        name: Name of the metric, in the logs.
        dtype: None or "float32". Counts are exact up to 2**24 examples a
            class.

    `y_true` holds class ids `(batch,)` or `(batch, 1)`, or one-hot or soft
    labels `(batch, classes)`, which count as their largest class. `y_pred`
    holds logits or probabilities. Examples of `sample_weight` 0 are left out.

    Raises:
        ValueError: If the predictions are not one per class.

    Example:

    >>> metric = keras_lt.metrics.BalancedAccuracy(num_classes=3)
    >>> float(metric(np.array([0, 0, 0, 1]), 9 * np.eye(3)[[0, 0, 0, 0]]))
    0.5

    Reference:

    - [Brodersen et al., 2010](https://doi.org/10.1109/ICPR.2010.764)
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "balanced_accuracy",
        dtype: Any = None,
    ):
        super().__init__(check_float32(dtype), name)
        self.num_classes = check_positive_int("num_classes", num_classes)
        shape = (self.num_classes,)
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
        y_pred = ops.convert_to_tensor(y_pred)
        check_batch(y_true, y_pred, self.num_classes)
        correct, total = correct_by_class(
            y_true, y_pred, sample_weight, self.num_classes
        )
        self.correct.assign_add(correct)
        self.total.assign_add(total)

    def result(self) -> Tensor:
        return mean_of_class_means(self.correct, self.total)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_classes": self.num_classes}
