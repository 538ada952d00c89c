"""Reads the data that a model trains on, once more."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.data.labels import label_of

_BATCH_SIZE = 256


class EpochData:
    """Gives the batches of an epoch, as images and class ids.

    Args:
        x: What `fit` takes: arrays, `Batches` or another `PyDataset`, a
            `tf.data.Dataset` or a `DataLoader`.
        y: The labels, unless they come with `x`.

    Raises:
        ValueError: If `x` is a generator, which can be read only once.
    """

    def __init__(self, x: Any, y: Any = None) -> None:
        if y is None and isinstance(x, Iterator):
            raise ValueError(
                "The data of an objective that looks at them before each epoch "
                "must be such that they can be read again. Received: a "
                f"{type(x).__name__}. Pass `batches=` to the objective, or "
                "train on `keras_lt.data.Batches`."
            )
        self.x = x
        self.y = y

    def set_epoch(self, epoch: int) -> None:
        """Gives the batches of `epoch` from now on, if they differ."""
        if hasattr(self.x, "set_epoch"):
            self.x.set_epoch(epoch)

    def batches(
        self, steps: int | None = None, limit: int | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields images and class ids, as NumPy arrays.

        Args:
            steps: How many batches make an epoch, of data without an end.
            limit: How many batches at most, spread over the epoch.
        """
        for x, y in self._pairs(steps, limit):
            labels = _as_array(label_of(y))
            if not len(labels):  # Of a shard that has come to its end.
                continue
            if labels.ndim == 2 and labels.shape[1] > 1:
                labels = labels.argmax(axis=1)
            yield _as_array(x), labels.reshape(-1).astype(int)

    def _pairs(
        self, steps: int | None, limit: int | None
    ) -> Iterator[tuple[Any, Any]]:
        if self.y is not None:
            starts = range(0, len(self.x), _BATCH_SIZE)
            for start in starts[:: _stride(len(starts), limit)]:
                rows = slice(start, start + _BATCH_SIZE)
                yield self.x[rows], self.y[rows]
        elif isinstance(self.x, keras.utils.PyDataset):
            length = len(self.x)
            for index in range(0, length, _stride(length, limit)):
                yield self._own(index)
        else:
            stride = _stride(steps or 1, limit)
            for batch in itertools.islice(self.x, 0, steps, stride):
                yield tuple(batch[:2])

    def _own(self, index: int) -> tuple[Any, Any]:
        """Returns a batch without what a shard repeats of another."""
        x, y = self.x[index][:2]
        if not isinstance(self.x, Batches):
            return x, y
        count = self.x.num_own_examples(index)
        return x[:count], label_of(y)[:count]


def _as_array(values: Any) -> np.ndarray:
    if keras.ops.is_tensor(values):
        return keras.ops.convert_to_numpy(values)
    return np.asarray(values)  # Of another framework's data set, perhaps.


def _stride(length: int, limit: int | None) -> int:
    return 1 if limit is None else max(1, -(-length // limit))
