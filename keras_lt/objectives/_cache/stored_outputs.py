"""Cached outputs of teachers, batch by batch."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data import BatchExtra
from keras_lt.objectives._cache.image_marks import image_marks


class StoredOutputs(BatchExtra):
    """Gives what teachers made of the images of a batch.

    Args:
        arrays: The outputs of each teacher, `(epochs, positions, dim)` or
            `(rows, dim)`.
        marks: Marks of the images that they saw; None not to compare.
        mean: Whether to average over teachers, rather than to put their
            outputs side by side.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        marks: np.ndarray | None = None,
        mean: bool = False,
    ):
        self.arrays = list(arrays)
        self.marks = marks
        self.mean = mean
        by_row = self.arrays[0].ndim == 2
        self.epochs = None if by_row else min(len(one) for one in self.arrays)

    def for_batch(
        self, epoch: int, positions: slice, rows: np.ndarray, images: np.ndarray
    ) -> np.ndarray:
        if self.epochs is not None and epoch >= self.epochs:
            raise ValueError(
                "A cache of teachers must hold every epoch of the training. "
                f"Received: {self.epochs} epochs, and a training that asks for "
                f"one more, epoch {epoch + 1}. Train for {self.epochs} epochs; "
                f"or make a cache in another folder with `epochs={epoch + 1}` "
                "or more."
            )
        where = rows if self.epochs is None else (epoch, positions)
        if self.marks is not None:
            check_marks(image_marks(images), self.marks[where])
        found = [np.asarray(one[where], "float32") for one in self.arrays]
        if self.mean:
            return np.mean(found, axis=0, dtype="float32")
        return found[0] if len(found) == 1 else np.concatenate(found, axis=-1)


def check_marks(marks: np.ndarray, expected: np.ndarray) -> None:
    """Raises if images are others than those that teachers saw."""
    wrong = np.flatnonzero(marks != expected)
    if len(wrong):
        raise ValueError(
            "Images must be those that the cached teachers saw. Received: "
            f"{len(wrong)} other images in a batch of {len(marks)}, first at "
            f"place {wrong[0]}. The data have changed, or the transform has, "
            "or it draws random numbers from elsewhere than the generator it "
            "is given. Make the cache anew: `cache.remove()`."
        )
