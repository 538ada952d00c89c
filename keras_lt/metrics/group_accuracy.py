"""Accuracy on frequent, medium and rare classes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.counts import groups_with_classes
from keras_lt.ops.by_class import correct_by_class
from keras_lt.ops.by_class import mean_of_class_means
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32


@serializable
class GroupAccuracy(keras.metrics.Metric):
    """Tells the accuracy on frequent, medium and rare classes apart.

    Overall accuracy hides how rare classes fare. The result is a dictionary
    that `fit` and `evaluate` log as `many`, `medium` and `few`. Each is the
    mean of the accuracies of the classes in the group, over the classes seen
    since the last reset, so that no class of a group outweighs another.

    A group to which `class_counts` gives no class at all has no key. That
    depends on the counts alone, so the keys are the same in every epoch. A
    group of which no example was seen is 0, as Keras's own means are.

    Args:
        class_counts: Number of training examples of each class, by label; 0 is
            allowed. They sort the classes, and are not those of the data that
            is evaluated.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
        prefix: Put before each key, for a second one in the same `compile`.
        name: Name of the metric; it is not in the logs.
        dtype: None or "float32". Counts are exact up to 2**24 examples a
            class.

    `y_true` holds class ids `(batch,)` or `(batch, 1)`, or one-hot or soft
    labels `(batch, classes)`, which count as their largest class. `y_pred`
    holds logits or probabilities. Examples of `sample_weight` 0 are left out.

    Raises:
        ValueError: If a count is negative, `few` is greater than `many` + 1,
            or the predictions are not one per class.

    Example:

    >>> metric = keras_lt.metrics.GroupAccuracy([500, 300, 50, 5])
    >>> logits = 9 * np.eye(4)[[0, 0, 0, 1, 3]]
    >>> result = metric(np.array([0, 0, 0, 1, 2]), logits)
    >>> {name: float(value) for name, value in result.items()}
    {'many': 1.0, 'medium': 0.0, 'few': 0.0}

    Reference:

    - [Liu et al., 2019](https://arxiv.org/abs/1904.05160), the groups.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        many: int = 100,
        few: int = 20,
        prefix: str = "",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(
            check_float32(dtype), name or f"{prefix}group_accuracy"
        )
        self.class_counts = check_class_counts(class_counts, allow_zero=True)
        self.many = many
        self.few = few
        self.prefix = prefix
        self._members = _members(self.class_counts, many, few)
        shape = (len(self.class_counts),)
        self.correct = self.add_variable(
            shape, "zeros", dtype="float32", name="correct"
        )
        self.total = self.add_variable(
            shape, "zeros", dtype="float32", name="total"
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        num_classes = len(self.class_counts)
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        check_batch(y_true, y_pred, num_classes)
        correct, total = correct_by_class(
            y_true, y_pred, sample_weight, num_classes
        )
        self.correct.assign_add(correct)
        self.total.assign_add(total)

    def result(self) -> dict[str, Tensor]:
        return {
            f"{self.prefix}{group}": mean_of_class_means(
                self.correct, self.total, of=members
            )
            for group, members in self._members.items()
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
            "many": self.many,
            "few": self.few,
            "prefix": self.prefix,
        }


def _members(
    class_counts: ClassCounts, many: int, few: int
) -> dict[str, np.ndarray]:
    """Returns, for each group that has a class, 1 for those in it, else 0."""
    members = {}
    groups = groups_with_classes(class_counts, many, few)
    for group, labels in groups.items():
        members[group] = np.zeros(len(class_counts), "float32")
        members[group][labels] = 1.0
    return members
