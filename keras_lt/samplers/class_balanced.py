"""Every class equally often."""

import keras
import numpy as np

from keras_lt.samplers._drawing import draw_with_replacement
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


# There is a loss of this name, too.
@keras.saving.register_keras_serializable(
    package="keras_lt", name="ClassBalancedSampler"
)
class ClassBalanced(Sampler):
    """Draws each class with equal probability, then an example of it.

    Each of the `n` draws of an epoch takes one of the `C` classes that have
    examples with probability `1 / C`, and one of its examples uniformly. Draws
    are independent, so that examples repeat (with replacement).

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> rows = keras_lt.samplers.ClassBalanced()(labels, seed=0, epoch=0)
    >>> len(rows), 0.48 < labels[rows].mean() < 0.52
    (10000, np.True_)

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), equation 1 with
      `q = 0`.
    """

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        weights = np.ones(len(index.counts))
        return draw_with_replacement(index, weights, generator)
