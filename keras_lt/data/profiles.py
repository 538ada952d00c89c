"""Long-tailed subsets of balanced data, as the literature draws them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lt.counts import class_counts
from keras_lt.validation import check_choice
from keras_lt.validation import check_labels
from keras_lt.validation import check_not_negative_int
from keras_lt.validation import check_positive_int

PARETO_POWER = 6
"""Shape of the Pareto distribution that ImageNet-LT was drawn from."""


def long_tailed_rows(
    labels: Any,
    imbalance_factor: float = 100,
    profile: str = "exponential",
    seed: int = 0,
    max_count: int | None = None,
) -> np.ndarray:
    """Draws the long-tailed subset that everyone compares on.

    With `seed=0` and the labels of CIFAR-10 or CIFAR-100 in their official
    order these are the very images of the LDAM experiments and of those that
    followed: one stream of NumPy's older random numbers shuffles the rows of
    one class after another, and each class keeps its first ones. A subset of
    greater imbalance is therefore the beginning of each class of a smaller.

    Args:
        labels: Class ids of the full data, of shape `(n,)`. Every class from
            0 to the largest label must occur.
        imbalance_factor: How many times larger the largest class is than the
            smallest: 1 or greater.
        profile: `"exponential"`, `"step"` or `"pareto"`; see
            `data.long_tailed_counts`.
        seed: Which images are drawn.
        max_count: Size of the largest class. By default as many as the
            smallest class of `labels` has, which is all where these are
            balanced.

    Returns:
        Rows of the subset, class by class, in the order of selection.

    Raises:
        ValueError: If a class would be left empty, or has too few examples.

    Example:

    >>> from keras_lt import data
    >>> labels = np.arange(50_000) % 10
    >>> rows = data.long_tailed_rows(labels, imbalance_factor=100)
    >>> len(rows), keras_lt.class_counts(labels[rows], 10)[-3:]
    (12406, [139, 83, 50])

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), section 4.1.
    """
    ids = check_labels(labels)
    check_not_negative_int("seed", seed)
    counts = np.asarray(
        subset_counts(ids, imbalance_factor, profile, max_count)
    )
    available = np.bincount(ids, minlength=len(counts))
    order = np.argsort(ids, kind="stable")
    ends = np.cumsum(available)
    random = np.random.RandomState(seed)
    chosen = []
    for end, size, count in zip(ends, available, counts, strict=True):
        rows = order[end - size : end].copy()
        random.shuffle(rows)
        chosen.append(rows[:count])
    return np.concatenate(chosen)


def long_tailed_counts(
    num_classes: int,
    max_count: int,
    imbalance_factor: float = 100,
    profile: str = "exponential",
) -> list[int]:
    """Says how many examples each class keeps; label 0 is the head.

    - `"exponential"`: `max_count * (1 / imbalance_factor) ** (i / (C - 1))` of
      class `i` of `C`, rounded down.
    - `"step"`: the first half of the classes keep `max_count`, the other
      half `max_count / imbalance_factor`. The middle one of an odd number of
      classes belongs to the first half.
    - `"pareto"`: the quantiles of a Pareto distribution of power 6, stretched
      so that the largest class has `max_count` and the smallest
      `max_count / imbalance_factor`. With `q = (C / (i + 1)) ** (1 / 6)`, class
      `i` lies `(q - 1) / (C ** (1 / 6) - 1)` of the way between the two. With
      1,000 classes from 1,280 to 5 it gives 404 / 456 / 140 classes with many /
      medium / few examples, where ImageNet-LT, one random draw from the same
      distribution, has 385 / 479 / 136.

    Args:
        num_classes: Number of classes, 2 or more.
        max_count: Size of the largest class.
        imbalance_factor: Largest by smallest class, 1 or greater.
        profile: How the sizes fall from the largest to the smallest.

    Returns:
        One count per class, by label.

    Raises:
        ValueError: If the last class would be left empty.

    Example:

    >>> from keras_lt import data
    >>> data.long_tailed_counts(5, 500, imbalance_factor=100)
    [500, 158, 50, 15, 5]

    Reference:

    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555), section 5.1.
    - [Liu et al., 2019](https://arxiv.org/abs/1904.05160), section 4 (Pareto).
    """
    sizes = PROFILES[check_choice("profile", profile, PROFILES)]
    if check_positive_int("num_classes", num_classes) < 2:
        raise ValueError(
            "`num_classes` must be 2 or more. Received: "
            f"num_classes={num_classes}. One class alone has no tail."
        )
    check_positive_int("max_count", max_count)
    if not 1 <= imbalance_factor < np.inf:
        raise ValueError(
            "`imbalance_factor` must be 1 or greater: the largest class "
            f"divided by the smallest. Received: {imbalance_factor}. Where "
            "the literature writes 0.01, pass 100."
        )
    if imbalance_factor > max_count:
        raise ValueError(
            "`imbalance_factor` must leave an example to the smallest class. "
            f"Received: {imbalance_factor} with {max_count} examples in the "
            f"largest class. Use {max_count} or less."
        )
    counts = sizes(num_classes, max_count, 1.0 / imbalance_factor)
    # In floating point 49 * (1 / 49) is a little less than 1.
    return [max(count, 1) for count in counts]


def subset_counts(
    labels: np.ndarray,
    imbalance_factor: float,
    profile: str,
    max_count: int | None = None,
) -> list[int]:
    """Returns `long_tailed_counts` for these labels, if they have as many."""
    if not len(labels):
        raise ValueError(
            "`labels` must hold one label or more. Received: 0 labels."
        )
    available = np.asarray(class_counts(labels, int(labels.max()) + 1))
    if available.min() == 0:
        raise ValueError(
            "`labels` must hold every class from 0 to the largest label. "
            f"Received: no example of label {int(available.argmin())}. Number "
            "the classes anew: `np.unique(labels, return_inverse=True)[1]`."
        )
    if max_count is None:
        max_count = int(available.min())
    counts = long_tailed_counts(
        len(available), max_count, imbalance_factor, profile
    )
    short = np.flatnonzero(available < counts)
    if len(short):
        first = int(short[0])
        raise ValueError(
            "Every class must have as many examples as the long-tailed subset "
            f"takes. Received: {len(short)} of {len(counts)} classes with too "
            f"few, first label {first}: {available[first]} examples of "
            f"{counts[first]}. Use a smaller `max_count` or a greater "
            "`imbalance_factor`."
        )
    return counts


def _exponential(classes: int, largest: int, ratio: float) -> list[int]:
    # The literature's own expression, kept to the letter: another order of
    # the operations rounds some counts to one less.
    return [
        int(largest * (ratio ** (label / (classes - 1.0))))
        for label in range(classes)
    ]


def _step(classes: int, largest: int, ratio: float) -> list[int]:
    tail = classes // 2
    return [largest] * (classes - tail) + [int(largest * ratio)] * tail


def _pareto(classes: int, largest: int, ratio: float) -> list[int]:
    smallest = int(largest * ratio)
    quantiles = (classes / np.arange(1, classes + 1)) ** (1 / PARETO_POWER)
    share = (quantiles - 1) / (quantiles[0] - 1)
    return (smallest + (largest - smallest) * share).astype("int64").tolist()


PROFILES: dict[str, Callable[[int, int, float], list[int]]] = {
    "exponential": _exponential,
    "step": _step,
    "pareto": _pareto,
}
"""How the sizes fall from the largest class to the smallest."""
