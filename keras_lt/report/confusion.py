"""Which class is taken for which."""

import dataclasses

import numpy as np

from keras_lt.report.class_table import ClassTable


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Says how many examples of one class were taken for another.

    Args:
        label: The true class.
        predicted: The class that was predicted.
        count: Number of test examples.
        share: Their share of the test examples of the true class.

    Example:

    >>> keras_lt.report.Confusion(label=9, predicted=0, count=5, share=0.5)
    Confusion(label=9, predicted=0, count=5, share=0.5)
    """

    label: int
    predicted: int
    count: int
    share: float


def count_confusions(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns rows `(label, predicted, count)` of the pairs that occur."""
    keys = labels.astype("int64") * num_classes + predictions
    pairs, counts = np.unique(keys, return_counts=True)
    return np.stack([*np.divmod(pairs, num_classes), counts], axis=1)


def rare_for_frequent(
    confusions: np.ndarray, classes: ClassTable, supports: np.ndarray
) -> list[Confusion]:
    """Lists where a class is taken for one that is more frequent in training.

    The largest come first; of equal ones those that hurt their class most.
    """
    counts = np.asarray(classes.counts)
    towards_head = counts[confusions[:, 1]] > counts[confusions[:, 0]]
    label, predicted, number = confusions[towards_head].T
    shares = number / supports[label]
    order = np.lexsort((predicted, label, -shares, -number))
    columns = (label, predicted, number, shares)
    rows = zip(*(column[order].tolist() for column in columns), strict=True)
    return [Confusion(*row) for row in rows]


def group_confusions(
    confusions: np.ndarray, classes: ClassTable
) -> dict[str, dict[str, float] | None]:
    """Returns the share of each true group that is taken for each group."""
    label, predicted, number = confusions.T
    table = np.zeros((3, 3))
    groups = classes.group_of
    np.add.at(table, (groups[label], groups[predicted]), number)
    names = list(classes.groups)
    rows: dict[str, dict[str, float] | None] = {}
    for name, row in zip(names, table, strict=True):
        total = row.sum()
        shares = (row / max(total, 1)).tolist()
        rows[name] = dict(zip(names, shares, strict=True)) if total else None
    return rows
