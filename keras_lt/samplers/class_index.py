"""The rows of each class, found once and shared by every draw."""

from typing import Any

import numpy as np

from keras_lt.validation import check_labels

# Large enough to be fast, small enough that the temporary arrays of one piece
# are a few percent of ten million labels.
_PIECE = 1 << 19


class ClassIndex:
    """Groups the rows of a data set by class.

    A sampler needs to know where the examples of each class are. That takes a
    pass over all labels, so it is done once, and the result is given to the
    sampler of each epoch in place of the labels.

    Args:
        labels: Integer class ids, of shape `(n,)` or `(n, 1)`.

    Attributes:
        labels: The labels, int32, of shape `(n,)`.
        counts: Number of examples of each class, by label. A class below the
            greatest label that has no examples has 0, and is never drawn.
        rows: All rows, sorted by class and by position within a class, int32.
        starts: Where the rows of each class start in `rows`.

    Raises:
        ValueError: If there are no labels, or they are not class ids.

    Example:

    >>> index = keras_lt.samplers.ClassIndex([1, 0, 1, 1])
    >>> index.counts.tolist(), index.rows.tolist(), index.starts.tolist()
    ([1, 3], [1, 0, 2, 3], [0, 1])
    """

    def __init__(self, labels: Any):
        self.labels = check_labels(labels)
        if not len(self.labels):
            raise ValueError(
                "`labels` must hold at least one label. Received: none. Check "
                "that the split is not empty."
            )
        self.counts = self._count()
        self.starts = np.cumsum(self.counts) - self.counts
        self.rows = self._sorted_rows()

    def __len__(self) -> int:
        return len(self.labels)

    def _count(self) -> np.ndarray:
        """Counts in pieces, which `bincount` copies to 8 bytes a row."""
        counts = np.zeros(int(self.labels.max()) + 1, dtype="int64")
        for begin in range(0, len(self.labels), _PIECE):
            piece = self.labels[begin : begin + _PIECE]
            counts += np.bincount(piece, minlength=len(counts))
        return counts

    def _sorted_rows(self) -> np.ndarray:
        """Sorts in pieces: `argsort` of all rows would take 8 bytes a row."""
        small = len(self.counts) <= 1 << 16  # these sort by radix, much faster
        rows = np.empty(len(self.labels), dtype="int32")
        free = self.starts.copy()
        for begin in range(0, len(rows), _PIECE):
            piece = self.labels[begin : begin + _PIECE]
            keys = piece.astype("uint16") if small else piece
            order = np.argsort(keys, kind="stable")
            found = np.bincount(piece, minlength=len(free))
            before = np.cumsum(found) - found
            places = np.repeat(free - before, found)
            places += np.arange(len(piece))
            rows[places] = order + begin
            free += found
        return rows


def as_class_index(labels: Any) -> ClassIndex:
    """Returns `labels` itself if it is a `ClassIndex`, or indexes it."""
    return labels if isinstance(labels, ClassIndex) else ClassIndex(labels)
