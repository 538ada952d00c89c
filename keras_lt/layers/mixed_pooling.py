"""Pools a feature map by a learned mixture of its means and maxima."""

from collections.abc import Callable
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

    A map whose size is no multiple of `size` has cells that overlap by a pixel.

    Raises:
        ValueError: If `size` is not a positive integer, or the size of the
            map is not known.

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

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "`MixedPooling` must have feature maps of known size, (batch, "
                "height, width, channels). Received: shape "
                f"{tuple(input_shape)}. Give the backbone an input shape."
            )
        self._map_size = tuple(input_shape[1:3])
        # The weight is the sigmoid of it, so that 0 mixes half and half.
        self.mixture = self.add_weight(
            name="mixture", shape=(), initializer="zeros"
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if None in inputs.shape[1:3]:  # TensorFlow learns them later.
            known = (-1, *self._map_size, inputs.shape[-1])
            inputs = ops.reshape(inputs, known)
        share = ops.cast(ops.sigmoid(self.mixture), self.compute_dtype)
        mean = self._pool(inputs, ops.mean)
        maximum = self._pool(inputs, _first_maximum)
        cells = share * maximum + (1 - share) * mean
        return ops.reshape(cells, (-1, self.size**2 * inputs.shape[-1]))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        batch, *_, channels = input_shape
        return (batch, channels and self.size**2 * channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size}

    def _pool(self, maps: Tensor, reduce: Callable[..., Tensor]) -> Tensor:
        """Returns `reduce` of each cell, `(batch, size, size, channels)`.

        The adaptive pooling of Keras would do, but a size of 1, or a map of
        one pixel, ends the process on TensorFlow.
        """
        for axis in (1, 2):
            length = maps.shape[axis]
            parts = []
            for n in range(self.size):
                start = n * length // self.size
                stop = -(-(n + 1) * length // self.size)
                part = (slice(None),) * axis + (slice(start, stop),)
                parts.append(reduce(maps[part], axis=axis, keepdims=True))
            maps = ops.concatenate(parts, axis=axis)
        return maps


def _first_maximum(part: Tensor, axis: int, keepdims: bool) -> Tensor:
    """Returns the maximum, whose gradient goes to the first that has it.

    That of `ops.max` is shared by all that equal it. On JAX, it is NaN where
    none does, as XLA may compute the part twice and round it otherwise.
    """
    place = ops.argmax(part, axis=axis, keepdims=keepdims)
    shape = [1] * len(part.shape)
    shape[axis] = -1
    places = ops.reshape(ops.arange(part.shape[axis], dtype=place.dtype), shape)
    kept = ops.where(place == places, part, ops.zeros_like(part))
    return ops.sum(kept, axis=axis, keepdims=keepdims)
