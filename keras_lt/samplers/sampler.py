"""What all samplers share: a seeded epoch of rows, and its shards."""

import abc
from typing import Any

import numpy as np

from keras_lt.samplers._sharding import complete_shard
from keras_lt.samplers._sharding import shard_rows
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.class_index import as_class_index
from keras_lt.validation import check_not_negative_int


class Sampler(abc.ABC):
    """Maps labels, a seed and an epoch to the rows of that epoch.

    A sampler holds no state: the same arguments give the same rows in any
    process, which is what lets a run resume, and lets many processes share an
    epoch without talking to each other.

    An epoch has as many draws as there are examples, whatever the sampler and
    the epoch, so that learning-rate schedules mean the same for all of them. A
    label that has no examples is allowed, and has probability 0.

    A subclass defines `draw`, and `get_config` if it has arguments.

    Call arguments:
        labels: Integer class ids of shape `(n,)`, or a `ClassIndex` of them.
            Pass the index where many epochs are drawn.
        seed: Whole number, 0 or greater.
        epoch: Number of the epoch, counted from 0.
        shard: `(index, count)`: the rows of one process out of many. Shards
            are disjoint, have equal lengths, and their counts of each class
            differ by one at most. Together they are the epoch, but for up to
            `count - 1` draws at its end; see `complete`.

    Returns:
        Rows into `labels`, int32.

    Raises:
        ValueError: If labels, seed, epoch or shard are out of range.

    Example:

    >>> class Backwards(keras_lt.samplers.Sampler):
    ...     def draw(self, index, generator, epoch):
    ...         return np.arange(len(index), dtype="int32")[::-1]
    >>> Backwards()([0, 1, 1]).tolist()
    [2, 1, 0]
    """

    complete: bool = False
    """Whether shards leave out no draw, as evaluation wants it.

    If so, draws are dealt in turn, whatever their class, and shards that would
    be shorter by one have the last draw of the epoch once more.
    """

    def __call__(
        self,
        labels: Any,
        seed: int = 0,
        epoch: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> np.ndarray:
        seed = check_not_negative_int("seed", seed)
        epoch = check_not_negative_int("epoch", epoch)
        index = as_class_index(labels)
        rows = self.draw(index, np.random.default_rng((seed, epoch)), epoch)
        if self.complete:
            return complete_shard(rows, shard)
        return shard_rows(rows, index.labels, shard)

    @abc.abstractmethod
    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        """Returns the `len(index)` rows of an epoch, int32.

        Args:
            index: The rows of each class.
            generator: Random numbers that depend on seed and epoch only.
            epoch: Number of the epoch, counted from 0.
        """

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sampler":
        """Makes a sampler from the result of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = (f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({', '.join(arguments)})"
