"""Cross-entropy on logits shifted by the class priors."""

from typing import Any

import keras
from keras import ops

from keras_lt.counts import log_priors
from keras_lt.ops.crossentropy import crossentropy
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_not_negative


@serializable
class LogitAdjusted(keras.losses.Loss):
    """Adds the log-prior of each class to its logit, then cross-entropy.

    A frequent class gets a head start of `tau * log(prior)` during training,
    so the network has to earn a larger margin for the rare ones. At test time
    the plain logits are used, which balances the error over classes:

    ```
    loss = -log(softmax(y_pred + tau * log(prior))[y_true])
    ```

    With soft labels (mixup, cutmix) it is the mean of that over the label,
    `sum(y_true[c] * loss(c))`.

    Args:
        class_counts: Number of training examples of each class, by label.
        tau: Strength of the shift, 0 or greater. `1.0` is consistent for the
            balanced error; `0.0` is plain cross-entropy.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If a class has no examples, `tau` is negative, or the
            logits are not one per class.

    Example:

    >>> loss = keras_lt.losses.LogitAdjusted([90, 10])
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    2.3026

    Reference:

    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314), equation 10.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        tau: float = 1.0,
        name: str = "logit_adjusted",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.class_counts = check_class_counts(class_counts)
        self.tau = float(check_not_negative("tau", tau))
        shift = self.tau * log_priors(self.class_counts)
        self._shift = shift.astype("float32")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        check_batch(y_true, y_pred, len(self.class_counts))
        logits = ops.cast(y_pred, "float32")
        return crossentropy(y_true, ops.add(logits, self._shift))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
            "tau": self.tau,
        }
