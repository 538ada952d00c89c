"""The parts of a data set, and what is known about its classes."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from keras_lt.counts import class_counts
from keras_lt.data.check_sums import describe_examples
from keras_lt.data.examples import Examples
from keras_lt.validation import check_class_names
from keras_lt.validation import check_labels

MANIFEST_FORMAT = 1
"""Raised when the meaning of an entry of the manifest changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Holds the training, validation and test examples of a data set.

    `class_counts`, the number of training examples of each class after the
    validation slice is held out, is what losses and metrics take.

    Args:
        train: What is trained on. Every class has one example or more.
        class_names: Name of each class, by label.
        validation: What settings are chosen on, or None.
        test: What results are reported on, or None.
        name: What the data is called in reports.
        settings: How the split was made, for the manifest.

    Raises:
        ValueError: If there are fewer than two classes, a class without
            training examples, or a label without a class.

    Example:

    >>> from keras_lt import data
    >>> images, labels = np.zeros((3, 8, 8, 1)), np.array([0, 0, 1])
    >>> split = data.Split(data.Examples(images, labels), ["cat", "dog"])
    >>> split.class_counts, split.num_classes, split.test
    ([2, 1], 2, None)
    """

    train: Examples
    class_names: Sequence[str]
    validation: Examples | None = None
    test: Examples | None = None
    name: str = "data"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        names = check_class_names(self.class_names)
        object.__setattr__(self, "class_names", names)
        if len(names) < 2:
            raise ValueError(
                "A split must have two classes or more, or there is nothing "
                f"to tell apart. Received: {len(names)} class"
                f"{'es' if not names else f', {names[0]!r}'}. Add the examples "
                "of the other classes."
            )
        for part, examples in self.parts().items():
            check_labels(examples.y, len(names), name=f"{part} labels")
        _check_every_class(self.class_counts, names)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @cached_property
    def class_counts(self) -> list[int]:
        """Number of training examples of each class, by label."""
        return class_counts(self.train.y, self.num_classes)

    def parts(self) -> dict[str, Examples]:
        """Returns the parts that are there, by name."""
        named = {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
        }
        return {name: part for name, part in named.items() if part is not None}

    def manifest(self) -> dict[str, Any]:
        """Says which examples these are: counts, check sums and settings.

        See `data.save_manifest` and `data.compare_manifest`.
        """
        return {
            "format": MANIFEST_FORMAT,
            "name": self.name,
            # Numbers of NumPy have no form in JSON.
            "settings": {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in self.settings.items()
            },
            "num_classes": self.num_classes,
            "class_names": list(self.class_names),
            "class_counts": list(self.class_counts),
            "parts": {
                name: describe_examples(part)
                for name, part in self.parts().items()
            },
        }


_MANY = 2**20
"""Classes whose names take no memory to speak of."""


def numbers_as_names(largest: int, num_examples: int) -> list[str]:
    """Returns the labels up to the largest as names.

    Args:
        largest: The largest label of any part.
        num_examples: Of the training part, before any is held out.

    Raises:
        ValueError: If there are many more than examples, as where labels are
            ids of a database: their names would take all memory.
    """
    if largest >= max(num_examples, _MANY):
        raise ValueError(
            "Every class must have one training example or more. Received: "
            f"label {largest} with {num_examples} training examples. Number "
            "the classes anew: `np.unique(labels, return_inverse=True)`."
        )
    return [str(label) for label in range(largest + 1)]


def _check_every_class(counts: list[int], names: list[str]) -> None:
    empty = np.flatnonzero(np.asarray(counts) == 0)
    if len(empty):
        first = int(empty[0])
        raise ValueError(
            "Every class must have one training example or more. Received: "
            f"{len(empty)} of {len(counts)} classes without, first label "
            f"{first} ({names[first]!r}). Add examples of it, or drop the "
            "class and number the others anew: "
            "`np.unique(labels, return_inverse=True)`."
        )
