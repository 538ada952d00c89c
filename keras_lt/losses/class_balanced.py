"""Losses weighed by the effective number of examples of the class."""

from typing import Any

import keras
from keras import ops

from keras_lt.counts import effective_number_weights
from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.ops.focal import sigmoid_focal
from keras_lt.ops.focal import softmax_focal_per_class
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_choice
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_not_negative


@serializable
class ClassBalanced(keras.losses.Loss):
    """Weighs the loss of an example by how rare its class is.

    The weight of a class of `n` examples is the inverse of their effective
    number, `(1 - beta) / (1 - beta ** n)`, with mean 1 over the classes
    (`keras_lt.effective_number_weights`). It multiplies one of three losses:

    - `"softmax"`: cross-entropy,
    - `"sigmoid"`: binary cross-entropy, summed over the classes,
    - `"focal"`: binary focal loss, summed over the classes.

    For the last two, start the bias of the last layer at
    `-log(num_classes - 1)` and leave it out of the weight decay, or the many
    classes that an example is not of swamp the first epochs.

    As in the authors' code, the default reduction divides by the number of
    examples, not by the sum of their weights. With soft labels (mixup, cutmix)
    the value is the mean of the loss over the label,
    `sum(y_true[c] * loss(c))`; several labels of 1 each, as multi-label
    data have, are not meant, in any form.

    Args:
        class_counts: Number of training examples of each class, by label.
        beta: At least 0 and smaller than 1. 0 gives equal weights; towards 1
            the weights approach inverse frequency, which with many classes
            can be too much from the first epoch on. Choose it on held-out
            data.
        form: `"softmax"`, `"sigmoid"` or `"focal"`.
        gamma: How fast `"focal"` fades for sure examples, 0 or greater; the
            other forms do not read it.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If a class has no examples, an argument is out of range, or
            the logits are not one per class.

    Example:

    >>> loss = keras_lt.losses.ClassBalanced([1000, 10], beta=0.99)
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    1.2653

    Reference:

    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555)
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        beta: float = 0.9999,
        form: str = "softmax",
        gamma: float = 1.0,
        name: str = "class_balanced",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.class_counts = check_class_counts(class_counts)
        weights = effective_number_weights(self.class_counts, beta)
        self.beta = float(beta)
        forms = ("softmax", "sigmoid", "focal")
        self.form = check_choice("form", form, forms)
        self.gamma = float(check_not_negative("gamma", gamma))
        self._weights = weights.astype("float32")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        num_classes = len(self.class_counts)
        check_batch(y_true, y_pred, num_classes)
        labels = as_soft_labels(y_true, num_classes)
        targets = ops.multiply(labels, self._weights)
        logits = ops.cast(y_pred, "float32")
        if self.form == "softmax":
            losses = softmax_focal_per_class(logits, gamma=0.0)
            return ops.sum(targets * losses, axis=-1)
        gamma = self.gamma if self.form == "focal" else 0.0
        return sigmoid_focal(targets, logits, gamma)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
            "beta": self.beta,
            "form": self.form,
            "gamma": self.gamma,
        }
