"""The one reduction over the examples of a batch."""

from typing import Any

import keras

from keras_lt.types import Tensor


class WeightedMean(keras.losses.Loss):
    """Divides the weighted sum of values by the sum of their weights.

    It is a `Loss`, though it only reduces, because Keras scales a loss by the
    number of replicas in this class and nowhere else.
    """

    def __init__(self) -> None:
        super().__init__(
            name="weighted_mean",
            reduction="mean_with_sample_weight",
            dtype="float32",
        )

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        return y_pred

    def of(self, values: Tensor, weights: Tensor | None = None) -> Tensor:
        """Returns the mean of `values`, of shape `(batch,)`, as a scalar."""
        return self(values, values, sample_weight=weights)
