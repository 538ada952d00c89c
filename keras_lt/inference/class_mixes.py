"""The mixes of classes that exits are judged on."""

import numpy as np

from keras_lt.counts import GROUPS
from keras_lt.counts import class_groups
from keras_lt.score_weights import score_weights
from keras_lt.types import ClassCounts

MIXES = ("all", "balanced", *GROUPS)
"""The examples as they are, every class alike, and the groups of classes."""


def mix_weights(
    labels: np.ndarray, class_counts: ClassCounts, many: int, few: int
) -> dict[str, np.ndarray | None]:
    """Returns the weight of each example in each mix of classes.

    In `all` the examples weigh alike. In the others the classes do, as in the
    accuracy of groups everywhere in this library, so that neither the
    accuracy nor the work of a group is that of its largest class. The weights
    of a mix sum to 1; a mix without examples is None.

    Args:
        labels: Class ids `(n,)`.
        class_counts: Number of training examples of each class.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
    """
    groups = class_groups(class_counts, many, few)
    supports = np.bincount(labels, minlength=len(class_counts))
    found: dict[str, np.ndarray | None] = {}
    by_class = score_weights(supports, groups).values()
    for mix, weights in zip(MIXES, by_class, strict=True):
        if weights is None:
            found[mix] = None
        else:
            found[mix] = (weights / np.maximum(supports, 1))[labels]
    return found
