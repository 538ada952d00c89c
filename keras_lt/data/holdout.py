"""Sets examples of every class aside."""

import numpy as np

from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative_int


def hold_out(
    labels: np.ndarray, fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Divides rows into those that stay and those held out, class by class.

    Of a class with `n` examples, `fraction * n` are held out, rounded to the
    nearest whole number (halves up), but never the last one: a class with one
    example keeps it.

    Args:
        labels: Class ids, of shape `(n,)`.
        fraction: Share of each class that is held out, from 0 to below 1.
        seed: Which examples are drawn.

    Returns:
        Rows that stay and rows held out, each in ascending order.

    Example:

    >>> stay, held = hold_out(np.repeat([0, 1, 2], [20, 5, 1]), 0.1)
    >>> np.bincount(np.repeat([0, 1, 2], [20, 5, 1])[held], minlength=3)
    array([2, 1, 0])
    """
    check_fraction("fraction", fraction, open_end=True)
    if not fraction:
        return np.arange(len(labels)), np.arange(0)
    counts = np.bincount(labels)
    held = np.floor(counts * fraction + 0.5).astype("int64")
    return draw_per_class(labels, np.minimum(held, counts - 1), seed)


def spare_rows(
    labels: np.ndarray, used: np.ndarray, per_class: int, seed: int = 0
) -> np.ndarray:
    """Draws `per_class` rows of each class among those that are not used.

    Of a class with fewer left, all are taken. The rows ascend.
    """
    spare = np.setdiff1d(np.arange(len(labels)), used)
    left = np.bincount(labels[spare], minlength=int(labels.max()) + 1)
    _, drawn = draw_per_class(labels[spare], np.minimum(left, per_class), seed)
    return spare[drawn]


def draw_per_class(
    labels: np.ndarray, counts: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws `counts[c]` rows of each class `c` at random.

    Returns:
        Rows not drawn and rows drawn, each in ascending order.
    """
    check_not_negative_int("seed", seed)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    classes = labels[order]
    first = np.searchsorted(classes, np.arange(len(counts)))
    place = np.arange(len(labels)) - first[classes]
    drawn = np.zeros(len(labels), dtype=bool)
    drawn[order] = place < np.asarray(counts)[classes]
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)
