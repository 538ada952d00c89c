"""Values that go along with a batch, and depend on more than its rows."""

import abc

import numpy as np


class BatchExtra(abc.ABC):
    """Gives values that go along with each batch of `data.Batches`.

    An array in `Batches(extras=...)` has one entry per example. This is for
    what depends on where a batch stands in the training, or on its images as
    they are after the transform. A mixed image is allowed here, as the values
    belong to images rather than to examples.

    Batches are made in threads, ahead of time and in any order, so a subclass
    keeps no state of its own between two of them.

    Example:

    >>> class Brightness(keras_lt.data.BatchExtra):
    ...     def for_batch(self, epoch, positions, rows, images):
    ...         return images.mean(axis=(1, 2, 3))
    >>> images = np.full((4, 8, 8, 1), 7, "uint8")
    >>> batches = keras_lt.data.Batches(
    ...     (images, np.arange(4)), extras={"brightness": Brightness()}
    ... )
    >>> x, y = batches[0]
    >>> y["brightness"]
    array([7., 7., 7., 7.])
    """

    epochs: int | None = None
    """For how many epochs there are values; None for any number.

    `fit` refuses to train for more before it begins.
    """

    @abc.abstractmethod
    def for_batch(
        self, epoch: int, positions: slice, rows: np.ndarray, images: np.ndarray
    ) -> np.ndarray:
        """Returns one entry per image of a batch.

        Args:
            epoch: The epoch of the batch, counted from 0.
            positions: Which draws of the epoch the batch holds, from the
                first to behind the last.
            rows: The rows of these draws in the examples.
            images: The images, as a model gets them. Not to be changed.
        """
