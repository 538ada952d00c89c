"""Batch normalization in training, by one kernel of the backend."""

from collections.abc import Callable

import keras

from keras_lt.types import Tensor

Normalization = Callable[
    [Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]
]


def fused_normalization() -> Normalization | None:
    """Returns the kernel of this backend; `None` where it has none.

    It is called with maps of shape `(batch, height, width, channels)`, scale
    and shift of each channel in float32, and epsilon. It gives the normalized
    maps, and the mean and the biased variance that they were normalized by.
    """
    return _KERNELS.get(keras.config.backend())


def _tensorflow(
    maps: Tensor, scale: Tensor, shift: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    import tensorflow as tf

    # Not `tf.compat.v1.nn.fused_batch_norm`, which takes no epsilon of 1e-5.
    normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=maps,
        scale=scale,
        offset=shift,
        mean=[],
        variance=[],
        epsilon=epsilon,
    )
    # The kernel divides the sum of squares by one less than the count.
    count = tf.cast(tf.size(maps) // tf.size(mean), variance.dtype)
    return normalized, mean, variance * (count - 1) / count


def _torch(
    maps: Tensor, scale: Tensor, shift: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    import torch

    normalized, mean, inverse = torch.native_batch_norm(
        maps.movedim(-1, 1), scale, shift, None, None, True, 0.0, epsilon
    )
    variance = inverse.detach() ** -2 - epsilon
    return normalized.movedim(1, -1), mean.detach(), variance


_KERNELS = {"tensorflow": _tensorflow, "torch": _torch}
