"""Every example once an epoch."""

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


@serializable
class InstanceBalanced(Sampler):
    """Visits each row once an epoch, in a new random order every epoch.

    Classes are seen as often as they occur: a class has probability
    `n_c / n`. This is ordinary training.

    Example:

    >>> rows = keras_lt.samplers.InstanceBalanced()([0, 0, 0, 1], seed=1)
    >>> sorted(rows.tolist())
    [0, 1, 2, 3]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 3.
    """

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        rows = np.arange(len(index), dtype="int32")
        generator.shuffle(rows)
        return rows
