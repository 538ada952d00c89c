"""Class counts, and the priors, weights and groups that follow from them."""

from typing import Any

import numpy as np

from keras_lt.types import ClassCounts
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_fraction
from keras_lt.validation import check_labels
from keras_lt.validation import check_positive_int

GROUPS = ("many", "medium", "few")
"""The groups of the field, from the head to the tail."""


def class_counts(labels: Any, num_classes: int) -> list[int]:
    """Counts the examples of each class: the one thing every part shares.

    Args:
        labels: Integer class ids, of shape `(n,)` or `(n, 1)`.
        num_classes: Number of classes; labels run from 0 to one below it.

    Returns:
        One count per class, by label. A class without examples has 0.

    Raises:
        ValueError: If a label is not an integer, is negative or too large.

    Example:

    >>> class_counts(np.array([0, 0, 2, 0]), num_classes=3)
    [3, 0, 1]
    """
    check_positive_int("num_classes", num_classes)
    ids = check_labels(labels, num_classes)
    return np.bincount(ids, minlength=num_classes).tolist()


def log_priors(class_counts: ClassCounts) -> np.ndarray:
    """Returns the logarithm of each class's share of the training examples.

    Example:

    >>> log_priors([90, 10]).round(4)
    array([-0.1054, -2.3026])
    """
    counts = np.asarray(check_class_counts(class_counts), dtype="float64")
    return np.log(counts / counts.sum())


def effective_number_weights(
    class_counts: ClassCounts, beta: float = 0.9999
) -> np.ndarray:
    """Weighs each class by the inverse of its effective number of examples.

    New examples of a frequent class mostly repeat old ones. With `beta` close
    to 1 a class of `n` examples is worth `(1 - beta**n) / (1 - beta)` distinct
    ones, and the weight is the inverse of that.

    Args:
        class_counts: Number of training examples of each class, by label.
        beta: At least 0 and smaller than 1. 0 gives equal weights; towards 1
            the weights approach inverse frequency.

    Returns:
        One weight per class, with mean 1, in float64.

    Raises:
        ValueError: If a class has no examples, or `beta` is out of range.

    Example:

    >>> effective_number_weights([1000, 10], beta=0.99).round(2)
    array([0.17, 1.83])

    Reference:

    - [Cui et al., 2019](https://arxiv.org/abs/1901.05555), equation 2.
    """
    check_fraction("beta", beta, open_end=True)
    counts = np.asarray(check_class_counts(class_counts), dtype="float64")
    # The factor (1 - beta) is common to all classes, and goes with the mean.
    # `expm1` keeps the digits that 1 - beta**n would lose when n is small.
    if beta == 0:
        return np.ones_like(counts)
    weights = -1.0 / np.expm1(counts * np.log(beta))
    return weights / weights.mean()


def class_groups(
    class_counts: ClassCounts, many: int = 100, few: int = 20
) -> dict[str, np.ndarray]:
    """Sorts the classes into `many`, `medium` and `few`, as the field does.

    Args:
        class_counts: Number of training examples of each class, by label.
            Zero is allowed: such a class counts as few.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Returns:
        The labels of each group, which may be none.

    Raises:
        ValueError: If a count is negative or not a whole number, or `few` is
            greater than `many` + 1, so that a class would belong to two groups.

    Example:

    >>> class_groups([500, 101, 100, 20, 19])["medium"]
    array([2, 3])
    """
    if not few <= many + 1:  # NaN, too, is refused.
        raise ValueError(
            "`few` must be at most `many` + 1, or a class belongs to two "
            f"groups. Received: many={many}, few={few}. Lower `few`, or raise "
            "`many`."
        )
    counts = np.asarray(check_class_counts(class_counts, allow_zero=True))
    return {
        "many": np.flatnonzero(counts > many),
        "medium": np.flatnonzero((counts <= many) & (counts >= few)),
        "few": np.flatnonzero(counts < few),
    }


def groups_with_classes(
    class_counts: ClassCounts, many: int = 100, few: int = 20
) -> dict[str, np.ndarray]:
    """Returns the labels of those of `class_groups` that have a class."""
    groups = class_groups(class_counts, many, few)
    return {group: labels for group, labels in groups.items() if len(labels)}
