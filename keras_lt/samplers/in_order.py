"""All rows, in their order: for evaluation."""

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler


@serializable
class InOrder(Sampler):
    """Visits each row once, in the order of the data, in every epoch.

    For evaluation, where predictions have to line up with the labels, and no
    example may be left out: see `complete` of `Sampler` for its shards.

    Example:

    >>> keras_lt.samplers.InOrder()([1, 0, 1], seed=7, epoch=3).tolist()
    [0, 1, 2]
    """

    complete = True

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        return np.arange(len(index), dtype="int32")
