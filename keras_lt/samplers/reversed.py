"""Rare classes more often than frequent ones."""

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers._drawing import draw_with_replacement
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


@serializable
class Reversed(Sampler):
    """Draws class `c` with probability `w_c / sum(w_i)`, `w_c = n_max / n_c`.

    The rarest class becomes the most frequent. Each of the `n` draws of an
    epoch takes a class by this probability, and one of its examples
    uniformly. Draws are independent (with replacement).

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> rows = keras_lt.samplers.Reversed()(labels, seed=0)
    >>> 0.98 < labels[rows].mean() < 1.0
    np.True_

    Reference:

    - [Zhou et al., 2020](https://arxiv.org/abs/1912.02413), section 4.2.
    """

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        weights = index.counts.max() / np.maximum(index.counts, 1)
        return draw_with_replacement(index, weights, generator)
