"""Cross-entropy that fades for examples that are already sure."""

from typing import Any

import keras
from keras import ops

from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.ops.focal import sigmoid_focal
from keras_lt.ops.focal import softmax_focal_per_class
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_choice
from keras_lt.validation import check_float32
from keras_lt.validation import check_not_negative


@serializable
class Focal(keras.losses.Loss):
    """Fades the loss of an example as its prediction gets surer.

    The many easy examples, mostly of frequent classes, would otherwise
    outweigh the few hard ones. `p` is the probability of the right answer:

    ```
    loss = (1 - p) ** gamma * -log(p)
    ```

    With `form="softmax"` the answer is the class, and `p` its softmax. With
    `form="sigmoid"` each class is a question of its own (is the example of it,
    or not?), and the loss is the sum over classes. The two are not equivalent:
    for the second, start the bias of the last layer at
    `-log(num_classes - 1)`, or the many negatives outweigh the rest at first.

    With soft labels (mixup, cutmix) it is the mean of the loss over the label,
    `sum(y_true[c] * loss(c))`; several labels of 1 each, as multi-label
    data have, are not meant, in either form.

    Args:
        gamma: How fast the loss fades, 0 or greater. With 0 it is
            cross-entropy.
        form: `"softmax"` or `"sigmoid"`.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If `gamma` is negative or `form` is unknown.

    Example:

    >>> loss = keras_lt.losses.Focal(gamma=2.0)
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    0.1733

    Reference:

    - [Lin et al., 2017](https://arxiv.org/abs/1708.02002), equation 4.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        form: str = "softmax",
        name: str = "focal",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.gamma = float(check_not_negative("gamma", gamma))
        self.form = check_choice("form", form, ("softmax", "sigmoid"))

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        num_classes = y_pred.shape[-1]
        check_batch(y_true, y_pred, num_classes)
        labels = as_soft_labels(y_true, num_classes)
        logits = ops.cast(y_pred, "float32")
        if self.form == "sigmoid":
            return sigmoid_focal(labels, logits, self.gamma)
        losses = softmax_focal_per_class(logits, self.gamma)
        return ops.sum(labels * losses, axis=-1)

    def get_config(self) -> Config:
        return {**super().get_config(), "gamma": self.gamma, "form": self.form}
