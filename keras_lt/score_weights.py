"""How the accuracies of classes make up the scores of a report."""

from collections.abc import Mapping

import numpy as np

SCORES = ("accuracy", "balanced_accuracy", "many", "medium", "few")
"""The scores that have intervals and are compared between runs."""


def score_weights(
    supports: np.ndarray, groups: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray | None]:
    """Returns the weight of each class's accuracy in each score.

    Every score is a weighted mean of class accuracies: by the number of test
    examples for `accuracy`, and equal weights for the others. A class without
    test examples has weight 0; a score without classes is None.

    Args:
        supports: Number of test examples of each class, by label.
        groups: Labels of each group.
    """
    present = (supports > 0).astype("float64")
    weights: dict[str, np.ndarray | None] = {
        "accuracy": supports / supports.sum(),
        "balanced_accuracy": present / present.sum(),
    }
    for name, labels in groups.items():
        members = np.zeros_like(present)
        members[labels] = present[labels]
        total = members.sum()
        weights[name] = members / total if total else None
    return weights
