"""Thresholds that part examples by their scores."""

import numpy as np


def cut_between(stays: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Returns the threshold between a score that stays and one that leaves.

    Half-way, so that scores which another batch size or backend rounds
    otherwise still fall on their side.

    Args:
        stays: Scores in float32.
        leaves: Greater scores, in float32.
    """
    low, high = np.asarray(stays, "float64"), np.asarray(leaves, "float64")
    middle = ((low + high) / 2).astype("float32")
    # Between neighbours in float32 there is nothing: `low` itself parts them.
    return np.where(middle < leaves, middle, stays).astype("float32")


def spread_cuts(scores: np.ndarray, number: int) -> np.ndarray:
    """Returns at most `number` thresholds that differ for these scores.

    They fall from 1, where nobody leaves, to 0. If the scores differ in fewer
    places, every place is among them, and else every quantile.

    Args:
        scores: Scores `(n,)`, in float32.
        number: At least 2.
    """
    values = np.unique(scores)
    below = values[:-1]
    if len(below) > number - 2:
        ranks = np.arange(1, number - 1) * len(scores) // (number - 1)
        chosen = np.unique(np.sort(scores)[ranks - 1])
        below = chosen[chosen < values[-1]]
    above = values[np.searchsorted(values, below) + 1]
    inner = cut_between(below, above)[::-1]
    return np.concatenate([[1.0], inner, [0.0]]).astype("float32")
