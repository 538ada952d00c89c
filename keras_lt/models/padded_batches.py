"""Batches that are padded until the devices can share them."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.distribution import check_equal
from keras_lt.distribution import num_data_shards
from keras_lt.distribution import num_local_shards
from keras_lt.distribution import num_processes
from keras_lt.distribution import process_shard
from keras_lt.float_arrays import as_array
from keras_lt.keras_rules import default_batch_size
from keras_lt.keras_rules import known_length
from keras_lt.models.padded_inputs import COUNT
from keras_lt.models.padded_inputs import INPUTS
from keras_lt.models.padded_inputs import num_rows


class PaddedBatches(keras.utils.PyDataset):
    """Gives the batches of any data in sizes that the devices can share.

    A batch is padded with its last example. So that this counts nowhere,
    the inputs are `{"count": zeros, "inputs": images}`: the length of `count`
    is the number of examples times that of devices, which a model knows when
    its step is compiled, and by which Keras weighs the step in the loss of an
    epoch. `PaddedInputs` takes them apart.

    Args:
        source: Batches by their number: images, or a tuple of images, maybe
            labels and maybe weights.
        length: How many there are; None for no end.
    """

    def __init__(self, source: Any, length: int | None) -> None:
        super().__init__(
            workers=getattr(source, "workers", 1),
            use_multiprocessing=getattr(source, "use_multiprocessing", False),
            max_queue_size=getattr(source, "max_queue_size", 10),
        )
        self.source = source
        self.length = length
        # Keras keeps it for one thread, and batches may be made in others.
        self._distribution = keras.distribution.distribution()

    @property
    def num_batches(self) -> int | None:
        return self.length

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        batch = self.source[index]
        batch = batch if isinstance(batch, tuple | list) else (batch,)
        count = None
        if isinstance(self.source, Batches):
            count = self.source.num_examples(index)
        if self._distribution is None:
            return pad_batch(*batch, num_examples=count)
        with self._distribution.scope():
            return pad_batch(*batch, num_examples=count)

    def on_epoch_begin(self) -> None:
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        if isinstance(self.source, keras.utils.PyDataset):
            self.source.on_epoch_end()


class _ArrayBatches:
    """Cuts arrays into batches, and shuffles them as Keras does."""

    def __init__(
        self, arrays: tuple[Any, ...], batch_size: int, shuffle: Any
    ) -> None:
        self.arrays = keras.tree.map_structure(
            as_array, arrays, none_is_leaf=False
        )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.order = np.arange(num_rows(self.arrays))

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if index == 0 and self.shuffle and self.shuffle != "batch":
            self.order = np.random.permutation(len(self.order))
        start = index * self.batch_size
        rows = self.order[start : start + self.batch_size]
        if self.shuffle == "batch":
            rows = np.random.permutation(rows)
        return keras.tree.map_structure(
            lambda one: one[rows], self.arrays, none_is_leaf=False
        )


class _OrderedBatches:
    """Reads what can be read in order only, anew in each epoch."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        self.iterator: Iterator[Any] = iter(())

    def __getitem__(self, index: int) -> Any:
        if index == 0:
            self.iterator = iter(self.batches)
        return keras.tree.map_structure(
            as_array, next(self.iterator), none_is_leaf=False
        )


def is_distributed() -> bool:
    """Returns whether `keras.distribution` spreads batches over devices.

    Raises:
        ValueError: As `check_backend`.
    """
    check_backend()
    return num_data_shards() > 1 or num_processes() > 1


def check_backend() -> None:
    """Raises if Keras takes no notice of a distribution on this backend."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return
    backend, size = (
        keras.config.backend(),
        distribution.device_mesh.devices.size,
    )
    if backend != "jax" and size > 1:
        raise ValueError(
            "`keras.distribution` must be used on JAX, as Keras computes on "
            "one device with it on other backends, without a word. Received: "
            f"{size} devices on {backend}. Set KERAS_BACKEND=jax, or leave "
            "the distribution out; TensorFlow has `tf.distribute`."
        )


def padded_batches(
    x: Any,
    y: Any = None,
    weights: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: Any = False,
) -> Any:
    """Returns `PaddedBatches` of what `fit` takes; other data as they are.

    A generator, and a `tf.data.Dataset` of unknown length or that Keras deals
    to several processes, have to give batches that the devices can share.

    Args:
        x: Images, or batches of them.
        y: Labels, or None.
        weights: Weights of the examples, or None.
        batch_size: Number of rows to cut from arrays at a time.
        steps: How many batches an epoch has.
        shuffle: How arrays are shuffled, as in `keras.Model.fit`.
    """
    if isinstance(x, PaddedBatches):
        return x
    if isinstance(x, keras.utils.PyDataset):
        check_equal("batches", x.num_batches or 0)
        return PaddedBatches(x, x.num_batches)
    if hasattr(x, "shape"):
        check_equal("examples", len(x))
        size = batch_size or default_batch_size(x, steps)
        cut = _ArrayBatches((x, y, weights), size, shuffle)
        return PaddedBatches(cut, len(cut))
    length = None if isinstance(x, Iterator) else known_length(x)
    if length is None or num_processes() > 1:
        return x
    return PaddedBatches(_OrderedBatches(x), length)


def pad_batch(
    x: Any,
    y: Any = None,
    weights: Any = None,
    *,
    num_examples: int | None = None,
) -> tuple[Any, ...]:
    """Returns a batch of a size that the devices of this process can share.

    Args:
        x: Inputs of the model.
        y: Labels, or None.
        weights: Weights of the examples, or None.
        num_examples: How many there are over all processes; if None, as many
            in each.
    """
    size = num_rows(x)
    missing = -size % num_local_shards()
    parts = process_shard()[1]
    count = size * parts if num_examples is None else num_examples
    x, y, weights = keras.tree.map_structure(
        lambda one: _pad(one, missing), (x, y, weights), none_is_leaf=False
    )
    inputs = {
        COUNT: np.zeros(count * (num_data_shards() // parts), "int8"),
        INPUTS: x,
    }
    return (inputs, y) if weights is None else (inputs, y, weights)


def _pad(values: Any, missing: int) -> Any:
    if not missing:
        return values
    values = as_array(values)
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
