"""Class probabilities between those of the data and equal ones."""

import math
from typing import Any

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers._drawing import draw_with_replacement
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


@serializable
class PowerLaw(Sampler):
    """Draws class `c` with probability `n_c**q / sum(n_i**q)`.

    Each of the `n` draws of an epoch takes a class by this probability, and
    one of its examples uniformly. Draws are independent, so that examples
    repeat (with replacement).

    Args:
        q: A finite number. 1 keeps the classes as they occur, 1/2 is
            `SquareRoot`, 0 is `ClassBalanced`, and -1 is `Reversed`.

    Raises:
        ValueError: If `q` is not finite.

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> rows = keras_lt.samplers.PowerLaw(q=0.25)(labels, seed=0)
    >>> 0.22 < labels[rows].mean() < 0.26
    np.True_

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), equation 1.
    """

    def __init__(self, q: float):
        if not math.isfinite(q):
            raise ValueError(
                f"`q` must be a finite number. Received: q={q}. Use 0 for "
                "balanced classes, 1 for the classes as they occur."
            )
        self.q = float(q)

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        weights = class_powers(index.counts, self.q)
        return draw_with_replacement(index, weights, generator)

    def get_config(self) -> dict[str, Any]:
        return {"q": self.q}


def class_powers(counts: np.ndarray, q: float) -> np.ndarray:
    """Returns `counts**q` over its maximum; 0 where there are no examples."""
    exponents = q * np.log(np.maximum(counts, 1))
    return np.where(
        counts > 0, np.exp(exponents - exponents[counts > 0].max()), 0.0
    )
