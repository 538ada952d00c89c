"""Shares of the examples that leave at each exit."""

from typing import Any

import keras
from keras import ops

from keras_lt.counts import groups_with_classes
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_positive_int


@serializable
class ExitShares(keras.metrics.Metric):
    """Tells how many examples leave at each exit, over all and per group.

    The result is a dictionary with `exit_1_share`, `exit_2_share` and so on,
    and, with `class_counts`, `exit_1_share_many`, `exit_1_share_few` and so
    on: a saving that comes from frequent classes alone is seen there.

    An `EarlyExitModel` always has one. Put one with `class_counts` into the
    metrics of its `compile` to see the groups.

    Args:
        num_exits: Number of exits, the last one included.
        class_counts: Number of training examples of each class, by label; None
            for no groups.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
        name: Name of the metric; it is not in the logs.
        dtype: None or "float32". Counts are exact up to 2**24 examples.

    `y_true` holds class ids `(batch,)`, `y_pred` the exits `(batch,)`, from 1.
    Groups are as in `GroupAccuracy`; here, each example counts the same.

    Example:

    >>> metric = keras_lt.metrics.ExitShares(2, class_counts=[500, 5])
    >>> result = metric(np.array([0, 0, 0, 1]), np.array([1, 1, 2, 2]))
    >>> for name, value in result.items():
    ...     print(name, round(float(value), 2))
    exit_1_share 0.5
    exit_1_share_many 0.67
    exit_1_share_few 0.0
    exit_2_share 0.5
    exit_2_share_many 0.33
    exit_2_share_few 1.0
    """

    def __init__(
        self,
        num_exits: int,
        class_counts: ClassCounts | None = None,
        many: int = 100,
        few: int = 20,
        name: str = "exit_shares",
        dtype: Any = None,
    ):
        super().__init__(check_float32(dtype), name)
        self.num_exits = check_positive_int("num_exits", num_exits)
        self.class_counts = None
        self.many = many
        self.few = few
        self._groups: dict[str, list[int]] = {}
        if class_counts is not None:
            self.class_counts = check_class_counts(
                class_counts, allow_zero=True
            )
            groups = groups_with_classes(self.class_counts, many, few)
            self._groups = {
                group: labels.tolist() for group, labels in groups.items()
            }
        num_classes = len(self.class_counts or [0])
        self.left = self.add_variable(
            (num_classes, self.num_exits),
            "zeros",
            dtype="float32",
            name="left",
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        exits = ops.cast(ops.reshape(y_pred, (-1,)), "int32")
        left = ops.one_hot(exits - 1, self.num_exits, dtype="float32")
        if sample_weight is not None:
            counted = ops.cast(
                ops.reshape(sample_weight, (-1,)) != 0, "float32"
            )
            left = left * counted[:, None]
        if self.class_counts is None:
            self.left.assign_add(ops.sum(left, axis=0, keepdims=True))
            return
        ids = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        classes = ops.one_hot(ids, len(self.class_counts), dtype="float32")
        self.left.assign_add(ops.matmul(ops.transpose(classes), left))

    def result(self) -> dict[str, Tensor]:
        left = ops.convert_to_tensor(self.left)
        shares = {"": _shares(left)}
        for group, labels in self._groups.items():
            shares[f"_{group}"] = _shares(ops.take(left, labels, axis=0))
        return {
            f"exit_{k + 1}_share{group}": share[k]
            for k in range(self.num_exits)
            for group, share in shares.items()
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_exits": self.num_exits,
            "class_counts": self.class_counts and list(self.class_counts),
            "many": self.many,
            "few": self.few,
        }


def _shares(left: Tensor) -> Tensor:
    by_exit = ops.sum(left, axis=0)
    return by_exit / ops.maximum(ops.sum(by_exit), 1.0)
