"""What a report knows about the classes."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from keras_lt.counts import class_groups
from keras_lt.types import ClassCounts
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_class_names


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """Holds the names and training counts of the classes, and their groups.

    Args:
        names: Name of each class, by label.
        counts: Number of training examples of each class, by label.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Example:

    >>> from keras_lt.report.class_table import ClassTable
    >>> ClassTable(("cat", "dog"), (3, 500)).order.tolist()
    [1, 0]
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    many: int = 100
    few: int = 20

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """Labels of the `many`, `medium` and `few` classes."""
        return class_groups(self.counts, self.many, self.few)

    @cached_property
    def group_of(self) -> np.ndarray:
        """Index of the group of each class: 0 many, 1 medium, 2 few."""
        index = np.zeros(len(self), dtype="int64")
        for place, labels in enumerate(self.groups.values()):
            index[labels] = place
        return index

    @cached_property
    def order(self) -> np.ndarray:
        """Labels from the most to the least frequent in training."""
        return np.argsort(-np.asarray(self.counts), kind="stable")


def make_class_table(
    class_counts: ClassCounts,
    class_names: Sequence[str] | None,
    many: int,
    few: int,
) -> ClassTable:
    """Checks counts and names and returns them as a table.

    A class without training examples is allowed, and counts as few: a report
    needs no prior.
    """
    counts = check_class_counts(class_counts, allow_zero=True)
    if class_names is None:
        class_names = [str(label) for label in range(len(counts))]
    names = check_class_names(class_names)
    if len(names) != len(counts):
        raise ValueError(
            "`class_names` must hold one name per class, as many as there are "
            f"class counts. Received: {len(names)} names and "
            f"{len(counts)} counts. Pass both by label."
        )
    class_groups(counts, many, few)  # Raises if the thresholds overlap.
    return ClassTable(tuple(names), counts, many, few)
