"""Cross-entropy with more label smoothing for frequent classes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_choice
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_fraction


@serializable
class LabelAwareSmoothing(keras.losses.Loss):
    """Smooths the labels of frequent classes more than those of rare ones.

    A network gets over-confident on the head first. The smoothing `e` of a
    class runs from `tail` at the rarest to `head` at the most frequent:

    ```
    loss = (1 - e[y_true]) * -log(p[y_true]) + e[y_true] * mean(-log(p))
    ```

    With `t` from 0 at the smallest count to 1 at the largest, linear in the
    count, `e = tail + (head - tail) * f(t)`, where `f` is `sin(t * pi / 2)`
    (concave), `t` (linear) or `1 - cos(t * pi / 2)` (convex). With equal
    counts, `t` is 0. With soft labels (mixup, cutmix) the value is the mean of
    the loss over the label, `sum(y_true[c] * loss(c))`.

    Args:
        class_counts: Number of training examples of each class, by label.
        head: Smoothing of the most frequent class, from 0 to 1.
        tail: Smoothing of the rarest class, from 0 to 1.
        form: `"concave"`, `"linear"` or `"convex"`: whether classes between
            are smoothed more like the head or like the tail.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If a class has no examples, an argument is out of range, or
            the logits are not one per class.

    Example:

    >>> loss = keras_lt.losses.LabelAwareSmoothing([90, 10], head=0.4)
    >>> loss.smoothing.round(4)
    array([0.4, 0.1])
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    0.6931

    Reference:

    - [Zhong et al., 2021](https://arxiv.org/abs/2104.00466)
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        head: float = 0.4,
        tail: float = 0.1,
        form: str = "concave",
        name: str = "label_aware_smoothing",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.class_counts = check_class_counts(class_counts)
        self.head = float(check_fraction("head", head))
        self.tail = float(check_fraction("tail", tail))
        self.form = check_choice("form", form, ("concave", "linear", "convex"))
        self._smoothing = self.smoothing.astype("float32")

    @property
    def smoothing(self) -> np.ndarray:
        """The smoothing of each class, in float64."""
        counts = np.asarray(self.class_counts, dtype="float64")
        # The floor matters for equal counts alone, where 0 / 0 has to be 0.
        height = (counts - counts.min()) / max(np.ptp(counts), 1.0)
        if self.form == "concave":
            height = np.sin(height * np.pi / 2)
        elif self.form == "convex":
            height = 1 - np.cos(height * np.pi / 2)
        return self.tail + (self.head - self.tail) * height

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        num_classes = len(self.class_counts)
        check_batch(y_true, y_pred, num_classes)
        labels = as_soft_labels(y_true, num_classes)
        smoothed = ops.multiply(labels, self._smoothing)
        spread = ops.sum(smoothed, axis=-1, keepdims=True) / num_classes
        logits = ops.cast(y_pred, "float32")
        losses = -ops.log_softmax(logits, axis=-1)
        return ops.sum((labels - smoothed + spread) * losses, axis=-1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
            "head": self.head,
            "tail": self.tail,
            "form": self.form,
        }
