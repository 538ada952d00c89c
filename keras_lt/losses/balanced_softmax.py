"""Cross-entropy with a softmax that knows the class counts."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.ops.crossentropy import crossentropy
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32


@serializable
class BalancedSoftmax(keras.losses.Loss):
    """Weighs each class in the softmax by its count, then cross-entropy.

    Training labels follow the counts, test labels do not. The counts in the
    softmax account for that difference, so the plain logits fit a balanced
    test set:

    ```
    loss = -log(n[y_true] * exp(y_pred[y_true]) / sum(n[c] * exp(y_pred[c])))
    ```

    The values are those of `LogitAdjusted(class_counts, tau=1.0)`. With soft
    labels (mixup, cutmix) it is the mean of that over the label,
    `sum(y_true[c] * loss(c))`.

    Args:
        class_counts: Number of training examples of each class, by label.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If a class has no examples, or the logits are not one per
            class.

    Example:

    >>> loss = keras_lt.losses.BalancedSoftmax([90, 10])
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    2.3026

    Reference:

    - [Ren et al., 2020](https://arxiv.org/abs/2007.10740)
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        name: str = "balanced_softmax",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.class_counts = check_class_counts(class_counts)
        # Relative to the largest count, so that the shifted logits stay small.
        counts = np.asarray(self.class_counts, dtype="float64")
        self._shift = np.log(counts / counts.max()).astype("float32")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        check_batch(y_true, y_pred, len(self.class_counts))
        logits = ops.cast(y_pred, "float32")
        return crossentropy(y_true, ops.add(logits, self._shift))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
        }
