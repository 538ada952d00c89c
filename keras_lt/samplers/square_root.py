"""Classes by the square root of their size."""

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers._drawing import draw_with_replacement
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


@serializable
class SquareRoot(Sampler):
    """Draws class `c` with probability `sqrt(n_c) / sum(sqrt(n_i))`.

    Halfway between the classes as they occur and equal ones. Each of the `n`
    draws of an epoch takes a class by this probability, and one of its
    examples uniformly. Draws are independent (with replacement).

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> rows = keras_lt.samplers.SquareRoot()(labels, seed=0)
    >>> 0.08 < labels[rows].mean() < 0.10
    np.True_

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), equation 1 with
      `q = 1/2`.
    """

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        weights = np.sqrt(index.counts)
        return draw_with_replacement(index, weights, generator)
