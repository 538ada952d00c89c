"""Batches of images and labels, equal for equal seed, epoch and index."""

import copy
import math
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lt.data._batch_checks import check_epoch_length
from keras_lt.data._batch_checks import check_extras
from keras_lt.data._batch_checks import check_finite_images
from keras_lt.data._batch_checks import check_sampler
from keras_lt.data._batch_checks import images_and_labels
from keras_lt.data._batches_callback import BatchesCallback
from keras_lt.data._look_ahead import LookAhead
from keras_lt.data._reading import read_images
from keras_lt.data._reused_arrays import ReusedArrays
from keras_lt.data._substitutes import Substitutes
from keras_lt.data.batch_extra import BatchExtra
from keras_lt.data.transforms._soft_labels import soft_labels
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.distribution import process_shard
from keras_lt.samplers import ClassIndex
from keras_lt.samplers import InOrder
from keras_lt.samplers import Sampler
from keras_lt.samplers._sharding import check_shard
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_labels
from keras_lt.validation import check_not_negative_int
from keras_lt.validation import check_positive_int

# The most often that Keras looks at the first batch in a short training: to
# find shapes, to build, and in two epochs.
_SAME_EPOCH_AT_MOST = 5

# Batches that a backend may hold beside the ones that are being made.
_IN_USE = 4


class Batches(keras.utils.PyDataset):
    """Cuts the epochs of a sampler into batches that `fit` takes.

    A batch is a function of `(seed, epoch, index)` alone. Threads, the order
    of requests, the backend and the process do not change it, so a run that
    resumes at epoch `k` sees what it would have seen.

    Models of this library tell the batches which epoch it is. For a plain
    Keras model, add the callback, and keep Keras from shuffling once more:

    ```python
    model.fit(batches, callbacks=[batches.callback()], shuffle=False)
    ```

    Args:
        examples: A split with `.x` and `.y`, or a pair `(images, labels)`. The
            images are an array, or an object that gives a batch as an array
            for `images[rows]`.
        batch_size: Number of examples of a batch, of this process.
        sampler: The rows of each epoch. `None` is `InstanceBalanced()`: every
            row once, shuffled. For evaluation, pass `InOrder()`, or the
            answers of `predict` come in the order of `rows()`.
        transform: Called as `transform(images, labels, generator)`; gives
            images and labels. See `data.transforms`. Where it begins with a
            `Crop`, images in files are cut while they are decoded.
        seed: Whole number, 0 or greater, of all that is random here.
        extras: Arrays with one entry per example, by name, or `BatchExtra`s.
            With them, `y` is a dict of `"label"` and of these. Row numbers
            are `{"row": np.arange(n)}`.
        num_classes: Number of classes. If given, labels must be below it.
        one_hot: Whether to give integer labels as one-hot float32, to match
            those of mixup and cutmix. Needs `num_classes`.
        last_batch: `"keep"` or `"drop"` one that is not full.
        shard: `(index, count)`: the share of one process out of many. Shards
            do not overlap, have as many batches each and the same classes;
            rows of `InOrder` are dealt in turn.
            `"auto"` is that of this process under `keras.distribution`, and
            everything without one.
        num_threads: Number of threads that prepare the next batches while a
            model computes; 0 prepares each batch when it is asked for.
        check_finite: Whether NaN and infinity in images raise. Costs a sum.
        broken_images: What is done where an image in a file is missing or not
            whole: `"raise"`, or `"replace"` it by the next one of its class.
            `broken` then lists such rows, and a warning counts them.

    Raises:
        ValueError: If an argument is wrong, or, when a batch is made, if it
            holds NaN or infinity.

    Example:

    >>> images, labels = np.zeros((10, 32, 32, 3), "uint8"), np.arange(10) % 2
    >>> batches = keras_lt.data.Batches((images, labels), batch_size=4)
    >>> len(batches), [len(y) for x, y in batches]
    (3, [4, 4, 2])
    """

    def __init__(
        self,
        examples: Any,
        batch_size: int = 128,
        sampler: Sampler | None = None,
        transform: TransformFunction | None = None,
        seed: int = 0,
        *,
        extras: Mapping[str, Any] | None = None,
        num_classes: int | None = None,
        one_hot: bool = False,
        last_batch: str = "keep",
        shard: tuple[int, int] | str = "auto",
        num_threads: int = 1,
        check_finite: bool = True,
        broken_images: str = "raise",
    ):
        # More workers of Keras would mix the batches of two epochs.
        super().__init__(workers=1)
        self.images, labels = images_and_labels(examples)
        self.class_index = ClassIndex(check_labels(labels, num_classes))
        self.batch_size = check_positive_int("batch_size", batch_size)
        self.sampler = check_sampler(sampler)
        if transform is not None and (
            not callable(transform) or isinstance(transform, type)
        ):
            raise ValueError(
                "`transform` must be a function of images, labels and a "
                f"generator. Received: {transform!r}. Call a class of "
                "`data.transforms` for one, and put several into `Compose`."
            )
        self.transform = transform
        self.seed = check_not_negative_int("seed", seed)
        self.extras = check_extras(extras, len(self.labels), transform)
        self.num_classes = num_classes
        self.one_hot = _check_one_hot(one_hot, num_classes)
        self.last_batch = check_choice("last_batch", last_batch, _LAST_BATCH)
        self.shard = process_shard() if shard == "auto" else check_shard(shard)
        self.check_finite = check_finite
        self.broken_images = check_choice(
            "broken_images", broken_images, _BROKEN_IMAGES
        )
        self._substitutes = Substitutes(
            self.class_index, allowed=broken_images == "replace"
        )
        self._length = self._count_batches()
        self._epoch: int | None = None
        self._rows: tuple[int, np.ndarray] | None = None
        self._start(num_threads)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -self._length <= index < self._length:
            raise IndexError(
                f"There are {self._length} batches. Received: index={index}."
            )
        index = int(index) % self._length
        self._check_order(index)
        return self._look_ahead.get(self.epoch, index)

    @property
    def labels(self) -> np.ndarray:
        """The labels of all examples, int32, in the order of the data."""
        return self.class_index.labels

    @property
    def epoch(self) -> int:
        """The epoch whose batches are given, counted from 0."""
        return self._epoch or 0

    def set_epoch(self, epoch: int) -> None:
        """Gives the batches of `epoch`, counted from 0, from now on."""
        self._epoch = check_not_negative_int("epoch", epoch)

    def callback(self) -> keras.callbacks.Callback:
        """Returns a callback that sets the epoch in the `fit` of any model."""
        return BatchesCallback(self)

    @property
    def broken(self) -> dict[int, str]:
        """What is wrong with the rows that were replaced so far."""
        return dict(self._substitutes.broken)

    def report_broken(self) -> None:
        """Warns how many rows were replaced, if more than last time."""
        self._substitutes.report()

    def rows(self, epoch: int | None = None) -> np.ndarray:
        """Returns the rows of an epoch, in the order of the batches.

        Args:
            epoch: Counted from 0; `None` is the current one.
        """
        epoch = self.epoch if epoch is None else epoch
        with self._rows_lock:
            if self._rows is None or self._rows[0] != epoch:
                rows = self.sampler(
                    self.class_index, self.seed, epoch, self.shard
                )
                check_epoch_length(self.sampler, rows, self.num_draws)
                self._rows = (epoch, rows)
            return self._rows[1]

    def num_examples(self, index: int) -> int:
        """Returns how many examples all shards have in a batch together.

        Each has as many, but where the sampler repeats the last example so
        that all shards get a row: it counts once.

        Args:
            index: Number of the batch.
        """
        here = self._positions(index)
        count = self.shard[1]
        if not self.sampler.complete:
            return (here.stop - here.start) * count
        stop = min(here.stop * count, len(self.labels))
        return stop - here.start * count

    def num_own_examples(self, index: int) -> int:
        """Returns how many of them are of this shard, the first of its rows.

        Args:
            index: Number of the batch.
        """
        number, count = self.shard
        each, more = divmod(self.num_examples(index), count)
        return each + (number < more)

    def with_extras(self, extras: Mapping[str, Any] | None) -> "Batches":
        """Returns the same batches with other extras; these stay as they are.

        Args:
            extras: As in the constructor, in place of those that are there.
        """
        other = copy.copy(self)
        other.extras = check_extras(extras, len(self.labels), self.transform)
        other._start(self._look_ahead.num_threads)
        return other

    def begin_training_epoch(self, epoch: int) -> None:
        """Sets the epoch, and from now on expects `fit` to keep the order."""
        self.set_epoch(epoch)
        self._expects_first = self._length > 1

    def _start(self, num_threads: int) -> None:
        """Makes what must not be shared with a copy."""
        self._rows = None
        self._rows_lock: threading.Lock = threading.Lock()
        self._look_ahead = LookAhead(self._make, self._length, num_threads)
        self._arrays = ReusedArrays(self._look_ahead.in_flight + _IN_USE)
        self._first_requests = 0
        self._expects_first = False

    @property
    def num_draws(self) -> int:
        """Number of examples of an epoch, of this shard."""
        size, count = len(self.labels), self.shard[1]
        return (
            math.ceil(size / count) if self.sampler.complete else size // count
        )

    def _count_batches(self) -> int:
        draws = self.num_draws
        drop = self.last_batch == "drop"
        whole = math.floor if drop else math.ceil
        batches = whole(draws / self.batch_size)
        if batches < 1:
            raise ValueError(
                "`batch_size` must leave at least one batch. Received: "
                f"batch_size={self.batch_size}, last_batch="
                f"{self.last_batch!r} and {draws} examples in this shard. Use "
                'smaller batches, fewer shards, or last_batch="keep".'
            )
        return batches

    def _make(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Makes one batch; runs in any thread."""
        rows = self._rows_of(epoch, index)
        rows, images, labels = self._examples(epoch, index, rows)
        return images, self._targets(epoch, index, rows, images, labels)

    def _rows_of(self, epoch: int, index: int) -> np.ndarray:
        return self.rows(epoch)[self._positions(index)]

    def _generator(
        self, epoch: int, index: int, part: int = 0
    ) -> np.random.Generator:
        """Returns what a transform draws the numbers of a batch from.

        Args:
            epoch: Counted from 0.
            index: Of the batch.
            part: 0 for the whole batch, above 0 for a part of it.
        """
        # A third number above 0 keeps these streams off the sampler's.
        key = (self.seed, epoch, index + 1, self.shard[0])
        return np.random.default_rng((*key, part) if part else key)

    def _examples(
        self, epoch: int, index: int, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the rows that could be read, with images and labels.

        These are as the transform leaves them.
        """

        def read(rows: np.ndarray) -> tuple[Any, Any, Any]:
            return read_images(
                self.images,
                self.labels,
                rows,
                self.transform,
                lambda part: self._generator(epoch, index, part),
                self._check,
                self._arrays.empty,
            )

        rows, (images, labels, transform) = self._substitutes.read(rows, read)
        if transform is not None:
            generator = self._generator(epoch, index)
            images, labels = transform(images, labels, generator)
            self._check(images, rows)
        return rows, images, labels

    def _check(self, images: np.ndarray, rows: np.ndarray) -> None:
        if self.check_finite:
            check_finite_images(images, rows)

    def _targets(
        self,
        epoch: int,
        index: int,
        rows: np.ndarray,
        images: Any,
        labels: np.ndarray,
    ) -> Tensor:
        """Returns labels and extras, as `fit` takes them for `y`."""
        if self.one_hot and self.num_classes is not None:
            labels = soft_labels(labels, self.num_classes)
        if not self.extras:
            return labels
        where = (epoch, self._positions(index), rows, images)
        own = {
            name: one.for_batch(*where)
            if isinstance(one, BatchExtra)
            else one[rows]
            for name, one in self.extras.items()
        }
        return {"label": labels, **own}

    def _positions(self, index: int) -> slice:
        begin = index * self.batch_size
        return slice(begin, min(begin + self.batch_size, self.num_draws))

    def _check_order(self, index: int) -> None:
        """Notices what Keras does to the order of batches and of epochs."""
        if self._expects_first:
            self._expects_first = False
            if index:
                raise ValueError(
                    "`fit` must ask for the batches in their order, or a run "
                    f"that resumes sees another one. Received: batch {index} "
                    "first. Pass `shuffle=False` to `fit`; the sampler has "
                    "shuffled the examples already."
                )
        self._first_requests += index == 0
        forgotten = self._epoch is None and not isinstance(
            self.sampler, InOrder
        )
        if forgotten and self._first_requests == _SAME_EPOCH_AT_MOST:
            warnings.warn(
                "These batches have been of epoch 0 every time, as no one set "
                "the epoch. To train a plain Keras model, pass "
                "`callbacks=[batches.callback()]` to `fit`. To evaluate, make "
                "the batches with `sampler=keras_lt.samplers.InOrder()`.",
                stacklevel=3,
            )


_LAST_BATCH = ("keep", "drop")
_BROKEN_IMAGES = ("raise", "replace")


def _check_one_hot(one_hot: bool, num_classes: int | None) -> bool:
    if one_hot and num_classes is None:
        raise ValueError(
            "`one_hot=True` needs the number of classes, as the labels may "
            "lack the last ones. Received: num_classes=None. Pass "
            "`num_classes=split.num_classes`."
        )
    return bool(one_hot)
