"""The images that teachers see: those of batches, or of each row."""

import itertools
from collections.abc import Iterator

import numpy as np

from keras_lt.data import Batches
from keras_lt.objectives._cache.manifest import depends_on_row_alone
from keras_lt.samplers import InOrder
from keras_lt.validation import check_positive_int


class CacheViews:
    """Gives each image that has an entry in a cache, batch by batch.

    Args:
        batches: What a student will train on.
        epochs: For how many epochs; not looked at where a row gives the same
            image in all of them.

    Attributes:
        epochs: Number of epochs; None with one entry per row.
        entries: Shape of the entries: epochs and draws, or rows.

    Raises:
        ValueError: If the images depend on the epoch, and `epochs` is None.
    """

    def __init__(self, batches: Batches, epochs: int | None):
        if depends_on_row_alone(batches.transform):
            self.epochs = None
            self.batches = Batches(
                (batches.images, batches.labels),
                batches.batch_size,
                InOrder(),
                batches.transform,
                batches.seed,
                shard=(0, 1),
                check_finite=batches.check_finite,
                broken_images=batches.broken_images,
            )
            self.entries = [len(batches.labels)]
        else:
            self.epochs = _check_epochs(epochs)
            self.batches = batches.with_extras(None)
            draws = batches.num_draws
            full = len(batches) * batches.batch_size
            self.entries = [self.epochs, min(draws, full)]

    def __len__(self) -> int:
        return len(self.batches) * (self.epochs or 1)

    @property
    def batch_size(self) -> int:
        """Number of images of a full batch."""
        return self.batches.batch_size

    def images(self, epoch: int, index: int) -> np.ndarray:
        """Returns the images of a batch."""
        self.batches.set_epoch(epoch)
        return self.batches[index][0]

    def check_repeatable(self) -> None:
        """Raises if the images come out differently when made once more."""
        # What does not depend on the generator does not on the epoch either.
        other = 1 if self.epochs is None else 0
        if np.array_equal(self.images(0, 0), self.images(other, 0)):
            return
        raise ValueError(
            "A transform must give the same images for the same generator, "
            "and for any generator where its `random` is False. Received: "
            f"{type(self.batches.transform).__name__}, which did not. Draw "
            "all random numbers from the generator; or leave the cache, and "
            "let the teachers look at each batch."
        )

    def after(self, entries: int) -> Iterator[tuple[int, slice, np.ndarray]]:
        """Yields number, entries in all epochs, and images of each batch.

        Args:
            entries: How many entries to skip: some whole batches.
        """
        numbers = itertools.product(
            range(self.epochs or 1), range(len(self.batches))
        )
        for number, (epoch, index) in enumerate(numbers):
            begin = epoch * self.entries[-1] + index * self.batch_size
            end = min(begin + self.batch_size, (epoch + 1) * self.entries[-1])
            if begin >= entries:
                yield number, slice(begin, end), self.images(epoch, index)


def _check_epochs(epochs: int | None) -> int:
    if epochs is None:
        raise ValueError(
            "`epochs` must be given where the transform is random, as a cache "
            "then holds the outputs of each epoch. Received: epochs=None. Pass "
            "the number of epochs that the student will train for."
        )
    return check_positive_int("epochs", epochs)
