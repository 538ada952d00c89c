"""Initial prototypes of length 1."""

from typing import Any

import keras

from keras_lt.ops.distances import divided_by_length
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor


@serializable
class UnitNormUniform(keras.initializers.Initializer):
    """Draws vectors from a cube around 0 and scales each to length 1.

    Args:
        seed: An int or a `keras.random.SeedGenerator`, as in Keras.

    Example:

    >>> kernel = keras_lt.layers.UnitNormUniform(seed=0)((64, 10))
    >>> [round(float(x), 4) for x in keras.ops.norm(kernel, axis=0)[:2]]
    [1.0, 1.0]

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), as in its code.
    """

    def __init__(self, seed: Any = None):
        self._uniform = keras.initializers.RandomUniform(-1.0, 1.0, seed=seed)

    def __call__(
        self, shape: tuple[int, ...], dtype: str | None = None
    ) -> Tensor:
        """Returns a kernel of shape `(features, classes)`."""
        return divided_by_length(self._uniform(shape, dtype=dtype), axis=0)

    def get_config(self) -> Config:
        return {"seed": self._uniform.get_config()["seed"]}
