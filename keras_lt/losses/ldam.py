"""Cross-entropy with a margin that grows as a class gets rarer."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.ops.crossentropy import are_soft
from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.ops.crossentropy import crossentropy
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_batch
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_float32
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive


@serializable
class LDAM(keras.losses.Loss):
    """Asks for a margin on the true class that is larger for rare classes.

    A class of few examples needs a wider margin to generalise. The margin of a
    class of `n` examples is proportional to `n ** -0.25`, and `max_margin` for
    the rarest. It is in units of the cosine, so the logits must be those of a
    `CosineClassifier` of the same `scale`:

    ```
    y_pred[y_true] -= scale * margin[y_true]
    loss = -log(softmax(y_pred)[y_true])
    ```

    With soft labels (mixup, cutmix) it is the mean of the loss over the label,
    `sum(y_true[c] * loss(c))`, where `loss(c)` has the margin on class `c`
    alone.

    Args:
        class_counts: Number of training examples of each class, by label.
        max_margin: Margin of the rarest class, as a cosine, 0 or greater.
        scale: Factor that the classifier puts on the cosine, greater than 0.
        name: Name of the loss.
        reduction: As in `keras.losses.Loss`.
        dtype: None or "float32".

    Raises:
        ValueError: If a class has no examples, `max_margin` or `scale` is out
            of range, or the logits are not one per class.

    Example:

    >>> loss = keras_lt.losses.LDAM([10_000, 1], max_margin=0.5, scale=2.0)
    >>> round(float(loss(np.array([1]), np.zeros((1, 2)))), 4)
    1.3133

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413)
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        max_margin: float = 0.5,
        scale: float = 30.0,
        name: str = "ldam",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name, reduction, check_float32(dtype))
        self.class_counts = check_class_counts(class_counts)
        self.max_margin = float(check_not_negative("max_margin", max_margin))
        self.scale = float(check_positive("scale", scale))
        self._shift = (self.scale * self.margins).astype("float32")

    @property
    def margins(self) -> np.ndarray:
        """The margin of each class, as a cosine, in float64."""
        relative = np.asarray(self.class_counts, dtype="float64") ** -0.25
        return self.max_margin * relative / relative.max()

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        num_classes = len(self.class_counts)
        check_batch(y_true, y_pred, num_classes)
        logits = ops.cast(y_pred, "float32")
        # Relative to the largest logit, or huge logits swallow the margin.
        largest = ops.max(logits, axis=-1, keepdims=True)
        logits = logits - ops.stop_gradient(largest)
        soft = as_soft_labels(y_true, num_classes)
        if not are_soft(y_true, num_classes):
            shift = ops.multiply(soft, self._shift)
            return crossentropy(y_true, logits - shift)
        shifted = ops.subtract(logits, self._shift)
        losses = ops.softplus(_logsumexp_of_others(logits) - shifted)
        return ops.sum(soft * losses, axis=-1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": list(self.class_counts),
            "max_margin": self.max_margin,
            "scale": self.scale,
        }


def _logsumexp_of_others(logits: Tensor) -> Tensor:
    """Returns, for each class, the logsumexp over all the other classes.

    Taking one class out of the sum is exact enough where it holds at most half
    of it. The largest class may hold nearly all, so it is summed around.
    """
    num_classes = logits.shape[-1]
    largest = ops.one_hot(ops.argmax(logits, axis=-1), num_classes) > 0
    rest = ops.where(largest, float("-inf"), logits)
    without_largest = ops.logsumexp(rest, axis=-1, keepdims=True)
    total = ops.logsumexp(logits, axis=-1, keepdims=True)
    share = ops.where(largest, 0.0, ops.exp(logits - total))
    return ops.where(largest, without_largest, total + ops.log1p(-share))
