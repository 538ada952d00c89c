"""A small convolutional network between a feature map and an exit."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.layers.batch_normalization import BatchNormalization
from keras_lt.layers.conv2d import Conv2D
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int


@serializable
class ExitBlock(keras.layers.Layer):
    """Turns an early feature map into features that a classifier can use.

    An early map has few channels and sees little of the image. Each step here
    halves its height and width by a convolution of 3 x 3 pixels with stride
    2, batch normalization and ReLU.

    Args:
        filters: Channels of each step; there is one step for each.
        separable: Whether the convolutions are depthwise separable, which
            costs a fraction on maps of many channels.
        synchronized: Whether batch normalization uses the statistics of all
            replicas of `tf.distribute`, not of one. On TensorFlow only.
        **kwargs: `name` and `dtype`, as in `keras.layers.Layer`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: the same with `filters[-1]` channels, and height and width
    halved, rounded up, once for each step.

    Raises:
        ValueError: If `filters` is empty or holds what is no channel number.

    Example:

    >>> block = ExitBlock([32, 64])
    >>> block(np.zeros((2, 32, 32, 16), "float32")).shape[1:] == (8, 8, 64)
    True
    """

    def __init__(
        self,
        filters: Sequence[int],
        separable: bool = False,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not filters:
            raise ValueError(
                "`filters` must hold the channels of one step or more. "
                f"Received: filters={filters!r}. Give [64], for instance."
            )
        self.filters = [check_positive_int("filters", n) for n in filters]
        self.separable = separable
        self.synchronized = synchronized
        self.steps: list[keras.layers.Layer] = []
        for number, channels in enumerate(self.filters, start=1):
            self.steps += self._step(channels, number)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for layer in self.steps:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for layer in self.steps:
            x = layer(x, training=training)
        return x

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        for layer in self.steps:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": list(self.filters),
            "separable": self.separable,
            "synchronized": self.synchronized,
        }

    def _step(self, channels: int, number: int) -> list[keras.layers.Layer]:
        kind = Conv2D
        init = {"kernel_initializer": "he_normal"}
        if self.separable:
            kind = keras.layers.SeparableConv2D
            init = {
                "depthwise_initializer": "he_normal",
                "pointwise_initializer": "he_normal",
            }
        convolution = kind(
            channels,
            3,
            strides=2,
            padding="same",
            data_format="channels_last",
            use_bias=False,
            dtype=self.dtype_policy,
            name=f"conv_{number}",
            **init,
        )
        normalization = BatchNormalization(
            momentum=0.9,
            synchronized=self.synchronized,
            dtype=self.dtype_policy,
            name=f"bn_{number}",
        )
        activation = keras.layers.ReLU(
            dtype=self.dtype_policy, name=f"relu_{number}"
        )
        return [convolution, normalization, activation]
