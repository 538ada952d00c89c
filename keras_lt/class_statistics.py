"""Means and spreads of the features of each class, batch by batch."""

from collections.abc import Callable

import numpy as np


class ClassStatistics:
    """Sums up features, so that none of them has to be kept.

    Args:
        num_classes: Number of classes.
        dim: Size of a feature.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        self.counts = np.zeros(num_classes)
        self._sums = np.zeros((num_classes, dim))
        self._squares = np.zeros(num_classes)

    def add(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Takes a batch in: features `(n, dim)` and class ids `(n,)`."""
        features = np.asarray(features, dtype="float64")
        np.add.at(self.counts, labels, 1.0)
        np.add.at(self._sums, labels, features)
        np.add.at(self._squares, labels, np.square(features).sum(axis=1))

    def add_up(self, over: Callable[[np.ndarray], np.ndarray]) -> None:
        """Adds what others have seen: `over` gives the sum of all of them."""
        self.counts = over(self.counts)
        self._sums = over(self._sums)
        self._squares = over(self._squares)

    @property
    def known(self) -> np.ndarray:
        """Which classes were seen, `(classes,)`."""
        return self.counts > 0

    @property
    def means(self) -> np.ndarray:
        """Mean feature of each class, `(classes, dim)`; 0 if never seen."""
        return self._sums / np.maximum(self.counts, 1.0)[:, None]

    @property
    def distances(self) -> np.ndarray:
        """Root mean square distance of a class to its mean, `(classes,)`."""
        mean_squares = self._squares / np.maximum(self.counts, 1.0)
        spread = mean_squares - np.square(self.means).sum(axis=1)
        return np.sqrt(np.maximum(spread, 0.0))


def check_all_known(known: np.ndarray, what: str) -> None:
    """Raises if a class was not seen.

    Args:
        known: Which classes were seen, `(classes,)`.
        what: What to pass more of: "images", "features".
    """
    missing = np.flatnonzero(~known)
    if len(missing):
        raise ValueError(
            "Each class must have one example or more, since one without has "
            f"no mean. Received: {len(missing)} of {len(known)} classes "
            f"without examples, first label {missing[0]}. Pass {what} of all "
            "classes, or leave out the labels that are not seen."
        )
