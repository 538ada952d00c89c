"""Reads what `predict` takes, batch by batch."""

import collections
import math
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_lt.data import ImageSource
from keras_lt.float_arrays import as_array
from keras_lt.keras_rules import known_length


class Source(NamedTuple):
    """Batches of images, and how many there are, as far as it is known."""

    batches: Iterator[np.ndarray]
    num_batches: int | None
    num_examples: int | None


def open_source(x: Any, batch_size: int, steps: int | None) -> Source:
    """Returns the batches of whatever `predict` was given.

    Args:
        x: Images: an array or an `ImageSource`. Or batches of them: a
            `PyDataset`, or anything that can be iterated over, of images or of
            tuples that begin with images.
        batch_size: Number of images of a batch, where `x` is not in batches.
        steps: The most batches to read; `None` reads all.
    """
    if keras.ops.is_tensor(x):
        x = keras.ops.convert_to_numpy(x)
    if isinstance(x, keras.utils.PyDataset):
        count = _limit(x.num_batches, steps)
        if count is None:
            raise ValueError(
                "`steps` must be given for a `PyDataset` without an end. "
                f"Received: steps=None for {type(x).__name__}. Pass the "
                "number of batches to read."
            )
        return Source(map(_images, _items(x, count)), count, None)
    if isinstance(x, ImageSource) and len(x.shape) > 0:
        count = _limit(math.ceil(len(x) / batch_size), steps) or 0
        starts = range(0, count * batch_size, batch_size)
        slices = (np.asarray(x[i : i + batch_size]) for i in starts)
        return Source(slices, count, min(len(x), count * batch_size))
    batches = islice(map(_images, _iterator(x)), steps)
    return Source(batches, _limit(known_length(x), steps), None)


def _limit(count: int | None, steps: int | None) -> int | None:
    known = [number for number in (count, steps) if number is not None]
    return min(known) if known else None


def _items(dataset: keras.utils.PyDataset, count: int) -> Iterator[Any]:
    """Yields the batches of an epoch, as Keras would."""
    dataset.on_epoch_begin()
    try:
        yield from _in_order(dataset, count)
    finally:
        dataset.on_epoch_end()


def _in_order(dataset: keras.utils.PyDataset, count: int) -> Iterator[Any]:
    """Yields batches in order, with as many threads as the data set asks."""
    if dataset.workers < 2:
        yield from (dataset[index] for index in range(count))
        return
    indices = iter(range(count))
    with ThreadPoolExecutor(dataset.workers) as pool:
        ahead = max(dataset.workers, dataset.max_queue_size)
        coming = collections.deque(
            pool.submit(dataset.__getitem__, i) for i in islice(indices, ahead)
        )
        while coming:
            item = coming.popleft().result()
            for index in islice(indices, 1):
                coming.append(pool.submit(dataset.__getitem__, index))
            yield item


def _iterator(x: Any) -> Iterable[Any]:
    if isinstance(x, list | tuple | dict | str):
        raise ValueError(
            "`x` must be an array of images, or give batches of them. "
            f"Received: a {type(x).__name__}. Join images by `np.stack`, or "
            "pass `iter(batches)`."
        )
    try:
        return iter(x)
    except TypeError as error:
        raise ValueError(
            "`x` must be an array of images, a `PyDataset`, a `tf.data."
            "Dataset`, a `DataLoader`, or another iterable of batches. "
            f"Received: {type(x).__name__}. Make it a generator of batches."
        ) from error


def _images(batch: Any) -> np.ndarray:
    """Returns the images of `x`, `(x,)`, `(x, y)` or `(x, y, weight)`."""
    if isinstance(batch, list | tuple) and 1 <= len(batch) <= 3:
        batch = batch[0]
    if isinstance(batch, list | tuple | dict):
        raise ValueError(
            "A batch must be an array of images, or a tuple that begins with "
            f"one. Received: a {type(batch).__name__} of {len(batch)}. Give "
            "(images,), (images, labels) or (images, labels, weights)."
        )
    return as_array(batch)
