"""All classes in turn, a few examples of each."""

from typing import Any

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers._drawing import cycles
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler
from keras_lt.validation import check_positive_int


@serializable
class ClassAware(Sampler):
    """Goes through all classes in turn, and takes a few examples of each.

    The classes that have examples come in a random order, and in another one
    when all have been visited. Each visit takes `samples_per_class` examples
    in a row from the class's own shuffled examples, which are shuffled anew
    when all have been used. So a class is visited at most once more than any
    other, and an example is not seen again before its class has been through.

    The epoch has `n` draws and ends in the middle of a visit if need be. With
    `Batches(last_batch="drop")` that makes `n // batch_size` steps, as in the
    released code.

    Args:
        samples_per_class: Number of examples of one visit.

    Example:

    >>> labels = np.repeat([0, 1], [90, 10])
    >>> sampler = keras_lt.samplers.ClassAware(samples_per_class=4)
    >>> np.bincount(labels[sampler(labels, seed=0)[:96]]).tolist()
    [48, 48]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), appendix.
    - [Shen et al., 2016](https://arxiv.org/abs/1512.05830), section 3.2.
    """

    def __init__(self, samples_per_class: int = 4):
        self.samples_per_class = check_positive_int(
            "samples_per_class", samples_per_class
        )

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        present = np.flatnonzero(index.counts).astype("int32")
        size = self.samples_per_class
        num_visits = -(-len(index) // size)
        passes = np.tile(present, (-(-num_visits // len(present)), 1))
        generator.permuted(passes, axis=1, out=passes)
        visits = ClassIndex(passes.ravel()[:num_visits])
        rows = np.empty((num_visits, size), dtype="int32")
        draws = visits.counts * size
        for label, own in cycles(index, draws, generator):
            start = visits.starts[label]
            when = visits.rows[start : start + visits.counts[label]]
            rows[when] = own.reshape(-1, size)
        return rows.ravel()[: len(index)]

    def get_config(self) -> dict[str, Any]:
        return {"samples_per_class": self.samples_per_class}
