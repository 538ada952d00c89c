"""Finds the temperatures that make probabilities of logits."""

import warnings
from typing import Any

import numpy as np

from keras_lt.counts import class_groups
from keras_lt.posthoc.logit_arrays import as_held_out
from keras_lt.posthoc.logit_arrays import parts
from keras_lt.posthoc.temperature_scaling import TemperatureScaling
from keras_lt.posthoc.temperature_scaling import group_rows
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_class_counts

_RANGE = 1e4  # Of temperatures, on either side of the spread of the logits.
_STEPS = 100
_PRECISION = 1e-10


def fit_temperature(
    logits: Tensor,
    labels: Any,
    class_counts: ClassCounts | None = None,
    *,
    many: int = 100,
    few: int = 20,
) -> TemperatureScaling:
    """Finds the temperature that makes held-out labels most likely.

    Networks are surer than they are right. Divided by a temperature above 1,
    logits give probabilities that are closer to how often the answer is right.
    No answer changes.

    With class counts, answers with a class of the many, the medium and the
    few have a temperature each. It goes by the answer, as in use nobody knows
    the label. A group that is never answered takes the temperature of all;
    with few answers, a temperature of its own is mostly luck.

    A fit to examples in the proportions of training is for use in these. For
    use where classes are equally frequent, adjust the logits first, and see
    that the held-out examples are balanced.

    Args:
        logits: Answers to examples that are neither those of training nor
            those of the test, `(n, classes)` or `(n, exits, classes)`.
        labels: Their class ids, `(n,)`.
        class_counts: Number of training examples of each class, by label, for
            a temperature by group; None for one temperature.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Returns:
        A `TemperatureScaling`: call it with logits, of the test for example.

    Raises:
        ValueError: If logits, labels and counts do not go together, or the
            logits are not finite.

    Warns:
        UserWarning: If no temperature is best, as the logits of all examples
            are right, or no better than none. That of all is used for such
            a group unless 1 is better, and 1 if it is so of all.

    Example:

    >>> logits = np.array([[2.0, 0.0]] * 4)  # Sure by 88 %, right by 75 %.
    >>> scaling = keras_lt.posthoc.fit_temperature(logits, [0, 0, 0, 1])
    >>> round(scaling.temperatures["all"], 4)
    1.8205
    >>> odds = np.exp(scaling(logits[:1]))
    >>> (odds / odds.sum()).round(4)
    array([[0.75, 0.25]])

    Reference:

    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """
    groups = None
    if class_counts is not None:
        counts = check_class_counts(class_counts, allow_zero=True)
        members = class_groups(counts, many, few)
        groups = {k: tuple(v.tolist()) for k, v in members.items() if len(v)}
    width = None if class_counts is None else len(counts)
    values, ids = as_held_out(logits, labels, width)
    names = list(groups or ("all",))
    by_exit = []  # Not a comprehension, which is a frame to `warnings`.
    for k in range(values.shape[1]):
        by_exit.append(_temperatures(values[:, k], ids, groups, names))
    columns = zip(*by_exit, strict=True)
    per_exit = np.ndim(logits) == 3
    found = {
        name: column if per_exit else column[0]
        for name, column in zip(names, columns, strict=True)
    }
    return TemperatureScaling(found, groups)


def _temperatures(
    logits: np.ndarray,
    labels: np.ndarray,
    groups: dict[str, tuple[int, ...]] | None,
    names: list[str],
) -> list[float]:
    """Returns the temperature of each group, of the logits of one exit."""
    of_all = _best(logits, labels, "all", 1.0)
    if groups is None:
        return [of_all]
    rows = group_rows(logits, groups, names)
    found = [of_all] * len(names)
    for row in np.unique(rows):
        own = rows == row
        found[row] = _best(logits[own], labels[own], names[row], of_all)
    return found


def _best(
    logits: np.ndarray, labels: np.ndarray, name: str, of_all: float
) -> float:
    """Returns the temperature of least negative log-likelihood.

    That is convex in the inverse of the temperature: Newton's steps, kept
    within an interval that holds the root of the slope, cannot miss it.
    """
    spread = float(np.ptp(logits, axis=1).mean())
    if spread == 0:
        return of_all  # Any temperature gives the same.
    low, inverse, high = 1 / (_RANGE * spread), 1 / spread, _RANGE / spread
    if _slopes(logits, labels, low)[0] >= 0:
        _warn(name, "the logits say less of the labels than none would")
        return max(of_all, 1.0)
    if _slopes(logits, labels, high)[0] <= 0:
        _warn(name, "all of them are right")
        return min(of_all, 1.0)
    for _ in range(_STEPS):
        slope, curvature = _slopes(logits, labels, inverse)
        if slope > 0:
            high = inverse
        else:
            low = inverse
        step = slope / curvature if curvature > 0 else np.inf
        before, inverse = inverse, inverse - step
        if not low <= inverse <= high:
            inverse = float(np.sqrt(low * high))
        if abs(inverse - before) <= _PRECISION * before:
            break
    return float(1.0 / inverse)


def _slopes(
    logits: np.ndarray, labels: np.ndarray, inverse: float
) -> tuple[float, float]:
    """Returns the first two derivatives of the negative log-likelihood.

    They are the mean over the examples of what logits are above that of the
    label, and the variance of logits, both by the model's probabilities.
    """
    slope = curvature = 0.0
    for part in parts(*logits.shape):
        values = logits[part].astype("float64")
        gaps = values - values.max(axis=1, keepdims=True)
        shares = np.exp(inverse * gaps)
        shares /= shares.sum(axis=1, keepdims=True)
        means = (shares * gaps).sum(axis=1)
        own = np.take_along_axis(gaps, labels[part, None], axis=1)[:, 0]
        slope += (means - own).sum()
        curvature += (shares * np.square(gaps - means[:, None])).sum()
    return slope / len(logits), curvature / len(logits)


def _warn(name: str, reason: str) -> None:
    warnings.warn(
        f"No temperature is best for the answers of {name!r}, as {reason} on "
        "these examples. Fit on more examples, or without groups.",
        stacklevel=5,
    )
