"""Pools a feature map by a learned mixture of its means and maxima."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int


@serializable
class MixedPooling(keras.layers.Layer):
    """Keeps a coarse map of `size` x `size` cells, as one vector.

    Unlike a mean over all pixels, it keeps where something is, and how strong
    it is at its strongest. A weight between 0 and 1, learned, mixes the mean
    and the maximum of each cell.

    Args:
        size: Number of cells in height and in width.
        **kwargs: `name` and `dtype`, as in `keras.layers.Layer`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, size * size * channels)`.

    Raises:
        ValueError: If `size` is not a positive integer.

    Example:

    >>> pooling = MixedPooling(size=2)
    >>> features = pooling(np.arange(16.0).reshape(1, 4, 4, 1))
    >>> keras.ops.convert_to_numpy(features).tolist()  # half mean, half max
    [[3.75, 5.75, 11.75, 13.75]]

    Reference:

    - [Kaya et al., 2019](https://arxiv.org/abs/1810.07052), section 4.
    """

    def __init__(self, size: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = check_positive_int("size", size)
        options = {"data_format": "channels_last", "dtype": self.dtype_policy}
        self.mean = keras.layers.AdaptiveAveragePooling2D(self.size, **options)
        self.maximum = keras.layers.AdaptiveMaxPooling2D(self.size, **options)
        self.flatten = keras.layers.Flatten(**options)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # The weight is the sigmoid of it, so that 0 mixes half and half.
        self.mixture = self.add_weight(
            name="mixture", shape=(), initializer="zeros"
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        share = ops.cast(ops.sigmoid(self.mixture), self.compute_dtype)
        mean, maximum = self.mean(inputs), self.maximum(inputs)
        return self.flatten(share * maximum + (1 - share) * mean)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (input_shape[0], self.size * self.size * input_shape[-1])

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size}
