"""Classes weighed by their effective number of examples."""

from typing import Any

import numpy as np

from keras_lt.counts import effective_number_weights
from keras_lt.registration import serializable
from keras_lt.samplers._drawing import draw_with_replacement
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler
from keras_lt.validation import check_fraction


@serializable
class EffectiveNumber(Sampler):
    """Draws each example by the inverse effective number of its class.

    An example of class `c` has weight `(1 - beta) / (1 - beta**n_c)`, so class
    `c` has probability proportional to `n_c` times that. Each of the `n` draws
    of an epoch is independent (with replacement).

    Args:
        beta: At least 0 and smaller than 1. 0 keeps the classes as they occur;
            towards 1 they become balanced.

    Raises:
        ValueError: If `beta` is out of range.

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> rows = keras_lt.samplers.EffectiveNumber(beta=0.999)(labels, seed=0)
    >>> 0.08 < labels[rows].mean() < 0.11
    np.True_

    Reference:

    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555), equation 2.
    """

    def __init__(self, beta: float = 0.9999):
        self.beta = check_fraction("beta", beta, open_end=True)

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        # A single class would not pass as class counts, hence the extra one.
        counts = np.append(np.maximum(index.counts, 1), 1)
        weights = effective_number_weights(counts, self.beta)[:-1]
        return draw_with_replacement(index, index.counts * weights, generator)

    def get_config(self) -> dict[str, Any]:
        return {"beta": self.beta}
