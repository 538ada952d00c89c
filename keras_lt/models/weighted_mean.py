"""The one reduction over the examples of a batch."""

from keras import ops

from keras_lt.replicas import mean_over_replicas
from keras_lt.types import Tensor


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Divides the weighted sum of values by the sum of their weights.

    Both sums are over the whole batch, also where it is cut up among replicas
    of TensorFlow. With weights of 0 alone, the mean is 0.

    Args:
        values: `(batch, ...)`; those of one example are averaged.
        weights: `(batch,)`; ones if None.

    Returns:
        A scalar in float32.
    """
    values = ops.cast(values, "float32")
    if len(values.shape) > 1:
        values = ops.mean(values, axis=tuple(range(1, len(values.shape))))
    if weights is None:
        weights = ops.ones_like(values)
    weights = ops.cast(ops.reshape(weights, (-1,)), "float32")
    return mean_over_replicas(ops.sum(values * weights), ops.sum(weights))
