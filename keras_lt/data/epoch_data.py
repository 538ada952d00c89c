"""Reads the data that a model trains on, once more."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.data.batches import Batches
from keras_lt.data.labels import label_of
from keras_lt.float_arrays import as_array
from keras_lt.keras_rules import known_length

_BATCH_SIZE = 256


class EpochData:
    """Gives the batches of an epoch, as images and class ids.

    Args:
        x: What `fit` takes: arrays, `Batches` or another `PyDataset`, a
            `tf.data.Dataset` or a `DataLoader`; or a pair of arrays.
        y: The labels, unless they come with `x`; or a dict that holds them.

    Raises:
        ValueError: If `x` is a generator, which can be read only once, an
            array without as many labels, or batches beside labels.
    """

    def __init__(self, x: Any, y: Any = None) -> None:
        if y is None and isinstance(x, tuple) and len(x) == 2:
            x, y = x
        if isinstance(x, Batches) and x.extras:
            x = x.with_extras(None)  # They take time, and nobody looks.
        self.x = x
        self.y = label_of(y)
        if self.y is None:
            _check_batches(x)
        else:
            _check_pair(x, self.y)

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
            limit: How many batches at most, spread over the epoch; the first
                ones, where nobody knows its length.
        """
        for x, y in self._pairs(steps, limit):
            labels = as_array(label_of(y))
            if not len(labels):  # Of a shard that has come to its end.
                continue
            if labels.ndim == 2 and labels.shape[1] > 1:
                labels = labels.argmax(axis=1)
            yield as_array(x), labels.reshape(-1).astype(int)

    def _pairs(
        self, steps: int | None, limit: int | None
    ) -> Iterator[tuple[Any, Any]]:
        if self.y is not None:
            starts = range(0, len(self.x), _BATCH_SIZE)
            for start in starts[:: _stride(len(starts), limit)]:
                rows = slice(start, start + _BATCH_SIZE)
                yield self.x[rows], self.y[rows]
        elif isinstance(self.x, keras.utils.PyDataset):
            length = self.x.num_batches or steps or limit
            if length is None:
                raise ValueError(
                    "Data without an end must be read in steps. Received: "
                    f"a {type(self.x).__name__} whose `num_batches` is None. "
                    "Give it a length; in `fit`, pass `steps_per_epoch`."
                )
            for index in range(0, length, _stride(length, limit)):
                yield self._own(index)
        else:
            known = steps or known_length(self.x)
            stride = _stride(known or 1, limit)
            stop = limit if known is None else known
            for batch in itertools.islice(self.x, 0, stop, stride):
                yield tuple(batch[:2])

    def _own(self, index: int) -> tuple[Any, Any]:
        """Returns a batch without what a shard repeats of another."""
        x, y = self.x[index][:2]
        if not isinstance(self.x, Batches):
            return x, y
        count = self.x.num_own_examples(index)
        return x[:count], label_of(y)[:count]


def _check_batches(x: Any) -> None:
    if isinstance(x, Iterator):
        raise ValueError(
            "Data must be such that they can be read again, as they are "
            "looked at apart from the steps of the training. Received: a "
            f"{type(x).__name__}. Use `keras_lt.data.Batches`, another data "
            "set, or arrays; an objective takes them as `batches=`."
        )
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        raise ValueError(
            "Images in an array must come with their labels. Received: an "
            f"array of shape {tuple(x.shape)} alone. Pass images and labels, "
            "`(x, y)`, or `keras_lt.data.Batches((x, y))`."
        )


def _check_pair(x: Any, y: Any) -> None:
    if not hasattr(x, "shape"):
        raise ValueError(
            "`y` must be left out where the data hold the labels. Received: "
            f"labels beside a {type(x).__name__}. Leave `y` out, or pass an "
            "array of images."
        )
    if len(x) != len(y):
        raise ValueError(
            "There must be one label per image. Received: "
            f"{len(x)} images and {len(y)} labels. Pass both from the same "
            "split."
        )


def _stride(length: int, limit: int | None) -> int:
    return 1 if limit is None else max(1, -(-length // limit))
