"""Chooses the thresholds of the exits on held-out examples."""

import warnings
from collections.abc import Mapping

import numpy as np

from keras_lt.counts import GROUPS
from keras_lt.inference.exit_outcomes import ExitOutcomes
from keras_lt.inference.operating_point import OperatingPoint
from keras_lt.inference.threshold_goal import ThresholdGoal
from keras_lt.inference.threshold_search import search
from keras_lt.validation import check_choice
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive

METRICS = {
    "accuracy": ("all",),
    "balanced_accuracy": ("balanced",),
    "worst_group": GROUPS,
}
"""The mixes of classes that each metric judges."""

TRIED = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Thresholds whose answers full depth is compared with."""


def choose_thresholds(
    outcomes: ExitOutcomes,
    *,
    max_accuracy_loss: float | None = None,
    mean_cost: float | None = None,
    latency: float | None = None,
    metric: str = "balanced_accuracy",
    max_group_loss: float | None = None,
    margin: float = 1.0,
    per_exit: bool = True,
) -> OperatingPoint:
    """Chooses the thresholds of the exits on held-out examples.

    Say what is given, one of three: the accuracy that may be lost against full
    depth, and it finds the least work; or the mean work or time, and it finds
    the best accuracy. Work is mostly saved on the frequent classes, and a mean
    can hide what the rare ones lose: `max_group_loss` limits that too.

    The limits hold on the given examples. What is best there is partly luck,
    the more so the fewer there are, and a held-out part of a long-tailed data
    set has but a few of the rare classes. So a loss must stay below its limit
    by a `margin`; without one, more is lost on other examples as often as not.
    One threshold for all exits has less to choose from, saves less, and keeps
    its limits better.

    Where early answers are clearly better than those at full depth, a loss
    against these means little. Instead of the least work, the best accuracy is
    then found, for no more work than at full depth, with a warning.

    The search tries every place of a single threshold; then all combinations
    of the quantiles of the scores, 65,536 at most; then it moves the threshold
    of each exit to its best place until none gets better. So a single
    threshold is the best there is, and so are several if the scores of an
    exit have few values (up to 255 with three exits, 39 with four). Else
    several are at least as good as a single one and as the grid.

    Args:
        outcomes: What the exits would answer to held-out examples: neither
            those of training nor those of the test.
        max_accuracy_loss: Greatest loss of the metric against full depth, from
            0 to 1.
        mean_cost: Greatest mean work, as a share of that of the plain
            backbone, in the unit of `outcomes.costs`.
        latency: Greatest mean time of an example, in seconds. Needs
            `outcomes.seconds`.
        metric: `"balanced_accuracy"`, for a use in which classes are equally
            frequent, as in the tests of the field: accuracy, work and time are
            means over the classes. `"accuracy"`, for a use in which they are as
            frequent as in the examples. `"worst_group"`: the largest loss of
            the many, medium and few classes; work is a mean over the classes.
        max_group_loss: Greatest loss of each of the many, medium and few
            classes, from 0 to 1.
        margin: Number of standard errors by which a loss must stay below its
            limit, 0 or greater. It has no effect where no loss is limited.
        per_exit: Whether each exit may have a threshold of its own.

    Returns:
        The thresholds, and what they give on these examples.

    Raises:
        ValueError: If not one of the three is given, or no thresholds are
            within the limits; the message says what can be reached.

    Example:

    >>> logits = 4 * np.eye(2)[[[0, 0], [1, 1], [0, 1]]]  # Three images.
    >>> logits[2, 0] /= 4  # Unsure, and rightly so.
    >>> outcomes = keras_lt.inference.ExitOutcomes.from_logits(
    ...     logits, [0, 1, 1], costs=[0.4, 1.0], class_counts=[500, 5]
    ... )
    >>> point = keras_lt.inference.choose_thresholds(
    ...     outcomes, max_accuracy_loss=0.01
    ... )
    >>> round(point.thresholds[0], 2), point.accuracy, round(point.saving, 4)
    (0.86, 1.0, 0.4)
    """
    _check_given(max_accuracy_loss, mean_cost, latency)
    check_choice("metric", metric, tuple(METRICS))
    check_not_negative("margin", margin)
    mixes = {m: w for m, w in outcomes.weights.items() if w is not None}
    counted = mixes["all" if metric == "accuracy" else "balanced"]
    if max_accuracy_loss is not None and _is_worse(outcomes, counted):
        max_accuracy_loss, mean_cost = None, float(outcomes.costs[-1])
    limits = _limits(metric, max_accuracy_loss, max_group_loss)
    costs, budget = outcomes.costs, mean_cost
    if latency is not None:
        costs, budget = _seconds(outcomes), latency
    goal = ThresholdGoal(
        limits=np.array([limits.get(mix, np.inf) for mix in mixes]),
        judged=tuple(
            i for i, mix in enumerate(mixes) if mix in METRICS[metric]
        ),
        # As a share of the cost at full depth, be it work or seconds.
        budget=np.inf if budget is None else budget / costs[-1],
        cheapest=budget is None,
        margin=margin,
    )
    added = _added(outcomes.correct, costs / costs[-1], mixes, counted)
    thresholds, totals = search(outcomes.scores, added, goal, per_exit)
    if not goal.is_met(totals):
        least = goal.without_budget()
        _, totals = search(outcomes.scores, added, least, per_exit)
        name = "mean_cost" if latency is None else "latency"
        # Rounded up, so that what is told can be passed.
        reached = totals[0] * costs[-1] * (1 + 1e-5)
        raise ValueError(
            f"`{name}` must be at least {reached:.6g}, the least that was "
            "found within the other limits on these examples. "
            f"Received: {name}={budget}. Allow more, or a greater loss."
        )
    return outcomes.at(thresholds.tolist())


def _check_given(*values: float | None) -> None:
    names = ("max_accuracy_loss", "mean_cost", "latency")
    given = {n: v for n, v in zip(names, values, strict=True) if v is not None}
    if len(given) != 1:
        raise ValueError(
            "One of `max_accuracy_loss`, `mean_cost` and `latency` must be "
            f"given. Received: {', '.join(given) or 'none of them'}. The "
            "others follow from it."
        )
    for name, value in given.items():
        if name == "max_accuracy_loss":
            check_fraction(name, value)
        else:
            check_positive(name, value)


def _is_worse(outcomes: ExitOutcomes, weights: np.ndarray) -> bool:
    """Returns whether full depth is clearly worse than early answers; warns."""
    correct, rows = 1.0 * outcomes.correct, np.arange(len(outcomes))
    full = float(weights @ correct[:, -1])
    for threshold in TRIED:
        early = correct[rows, outcomes.exits_at(threshold) - 1]
        gains = weights * (early - correct[:, -1])
        # Three standard errors, as several thresholds are tried.
        if gains.sum() > 3 * np.linalg.norm(gains):
            warnings.warn(
                "A loss is measured against full depth, which should be the "
                f"best answer. Received: {full:.3f} there, and "
                f"{full + gains.sum():.3f} with a threshold of {threshold} on "
                "the same examples. The best accuracy at any depth is chosen "
                "instead of the least work. For a better full depth, train "
                "with a higher `training_threshold`.",
                stacklevel=3,
            )
            return True
    return False


def _limits(
    metric: str, max_loss: float | None, max_group_loss: float | None
) -> dict[str, float]:
    """Returns the greatest loss of each mix of classes that has one."""
    limits = {}
    if max_group_loss is not None:
        check_fraction("max_group_loss", max_group_loss)
        limits = dict.fromkeys(GROUPS, max_group_loss)
    if max_loss is not None:
        for mix in METRICS[metric]:
            limits[mix] = min(max_loss, limits.get(mix, max_loss))
    return limits


def _seconds(outcomes: ExitOutcomes) -> np.ndarray:
    if outcomes.seconds is None:
        raise ValueError(
            "`outcomes` must hold seconds to choose by `latency`. Received: "
            "seconds=None. Pass the time of an example that leaves at each "
            "exit as `seconds` where the outcomes are made."
        )
    return outcomes.seconds


def _added(
    correct: np.ndarray,
    costs: np.ndarray,
    mixes: Mapping[str, np.ndarray],
    counted: np.ndarray,
) -> np.ndarray:
    """Returns what each example adds to each total at each exit.

    The totals are those that a `ThresholdGoal` reads.

    Args:
        correct: Whether each exit recognises each example `(n, K)`.
        costs: Cost of leaving at each exit `(K,)`.
        mixes: Weight of each example in each mix, for the losses.
        counted: Weight of each example, for the work `(n,)`.
    """
    work = counted[:, None, None] * costs[:, None]
    weights = np.stack(list(mixes.values()), axis=-1)
    losses = weights[:, None] * (correct[:, -1:] - 1.0 * correct)[:, :, None]
    return np.concatenate([work, losses, losses**2], axis=-1)
