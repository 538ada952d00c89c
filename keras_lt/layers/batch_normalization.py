"""Batch normalization that trains by one kernel of the backend."""

from typing import Any

import keras
from keras import ops

from keras_lt.layers._fused_statistics import fused_normalization
from keras_lt.registration import serializable
from keras_lt.types import Tensor

_DTYPES = ("float32", "bfloat16", "float16")


@serializable
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of Keras, faster in training.

    Keras computes mean, variance and the normalized maps one after the other,
    and goes through all of them each time, forward and backward. TensorFlow and
    PyTorch have a kernel that does it at once. Arguments, weights, equations
    and files of weights are those of Keras: a layer of the one class takes the
    weights of the other.

    The kernel is used in training, for maps of shape `(batch, height, width,
    channels)` in float32 or less, with variables in float32, without a mask,
    `renorm` and `synchronized`.
    For all else, and on JAX, whose compiler does the same, this is the layer
    of Keras.

    Args:
        axis: That of the channels.
        **kwargs: `momentum`, `epsilon`, `synchronized` and all others, as in
            `keras.layers.BatchNormalization`.

    Example:

    >>> layer = keras_lt.layers.BatchNormalization()
    >>> maps = np.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> normalized = layer(maps, training=True)
    >>> keras.ops.convert_to_numpy(normalized).ravel().round(2).tolist()
    [-1.0, 1.0]

    Reference:

    - [Ioffe & Szegedy, 2015](https://arxiv.org/abs/1502.03167).
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(axis, **kwargs)

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        kernel = fused_normalization()
        trains = training and self.trainable
        if kernel is None or not trains or not self._is_plain(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        channels = (inputs.shape[-1],)
        scale = self.gamma if self.scale else ops.ones(channels)
        shift = self.beta if self.center else ops.zeros(channels)
        outputs, *statistics = kernel(
            inputs,
            ops.convert_to_tensor(scale),
            ops.convert_to_tensor(shift),
            self.epsilon,
        )
        moving = (self.moving_mean, self.moving_variance)
        for average, found in zip(moving, statistics, strict=True):
            average.assign(
                average * self.momentum + found * (1.0 - self.momentum)
            )
        return ops.cast(outputs, self.compute_dtype)

    def _is_plain(self, inputs: Any, mask: Tensor | None) -> bool:
        """Returns whether the kernel computes what is asked for."""
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and not self.renorm
            and not self.synchronized
            and self.variable_dtype == "float32"
            and keras.utils.standardize_dtype(inputs.dtype) in _DTYPES
        )
