"""Finds the best thresholds for a goal.

All that a goal looks at is a sum over the examples of what each adds at the
exit where it leaves. So one table of sums over cells of scores gives all
combinations of a grid, and one cumulative sum over sorted scores gives all
positions of one threshold. Nothing is random.

Shapes: scores `(n, K - 1)`, `added` `(n, K, columns)`: what an example adds to
each total if it leaves at each exit.
"""

import numpy as np

from keras_lt.inference.cuts import cut_between
from keras_lt.inference.cuts import spread_cuts
from keras_lt.inference.threshold_goal import ThresholdGoal

CELLS = 2**16
"""Combinations of thresholds that the grid has at most."""

Found = tuple[np.ndarray, np.ndarray]
"""Thresholds `(K - 1,)`, and their totals `(columns,)`."""


def search(
    scores: np.ndarray,
    added: np.ndarray,
    goal: ThresholdGoal,
    per_exit: bool = True,
) -> Found:
    """Returns the best thresholds that were found, and their totals.

    A single threshold for all exits is the best there is. One for each is at
    least as good, and cannot be made better by moving one of them.
    """
    number = scores.shape[1]
    if not number:
        return np.zeros(0, "float32"), added[:, 0].sum(axis=0)
    found = [_single(scores, added, goal)]
    if not per_exit or number == 1:
        return found[0]
    if 3**number <= CELLS:
        found.append(_grid(scores, added, goal))
    if not any(goal.is_met(totals) for _, totals in found):
        # Within tight limits, the cheapest may be all that meets a budget.
        found.append(search(scores, added, goal.without_budget()))
    ends = [_refine(scores, added, goal, *one) for one in found]
    return ends[goal.best(np.stack([totals for _, totals in ends]))]


def _refine(
    scores: np.ndarray,
    added: np.ndarray,
    goal: ThresholdGoal,
    thresholds: np.ndarray,
    totals: np.ndarray,
) -> Found:
    """Moves one threshold after the other until none gets better."""
    thresholds = thresholds.copy()
    moved = True
    while moved:
        moved = False
        for k in range(len(thresholds)):
            threshold, new = _move(scores, added, goal, thresholds, k)
            # Strictly better, or this might go on for ever.
            if tuple(goal.keys(new)) < tuple(goal.keys(totals)):
                thresholds[k], totals, moved = threshold, new, True
    return thresholds, totals


def _move(
    scores: np.ndarray,
    added: np.ndarray,
    goal: ThresholdGoal,
    thresholds: np.ndarray,
    k: int,
) -> tuple[float, np.ndarray]:
    """Returns the best threshold of exit `k` while the others stay."""
    leaves = scores > thresholds
    leaves[:, k] = False
    other = _first(leaves)
    rows = np.arange(len(scores))
    base = added[rows, other].sum(axis=0)
    inside = np.flatnonzero(other > k)
    change = added[inside, k] - added[inside, other[inside]]
    return _best_cut(scores[inside, k], change, base, goal)


def _single(
    scores: np.ndarray, added: np.ndarray, goal: ThresholdGoal
) -> Found:
    """Returns the best threshold that all exits share."""
    number = scores.shape[1]
    # As the threshold falls, an example moves to an earlier exit each time
    # that it falls below a score which no earlier exit has reached.
    highest = np.maximum.accumulate(scores, axis=1)
    record = np.diff(highest, axis=1, prepend=-1.0) > 0
    values, changes = [], []
    later = np.full(len(scores), number)
    for k in reversed(range(number)):
        rows = np.flatnonzero(record[:, k])
        values.append(scores[rows, k])
        changes.append(added[rows, k] - added[rows, later[rows]])
        later[rows] = k
    threshold, totals = _best_cut(
        np.concatenate(values),
        np.concatenate(changes),
        added[:, -1].sum(axis=0),
        goal,
    )
    return np.full(number, threshold, "float32"), totals


def _best_cut(
    scores: np.ndarray,
    changes: np.ndarray,
    base: np.ndarray,
    goal: ThresholdGoal,
) -> tuple[float, np.ndarray]:
    """Returns the best threshold of all that part these scores differently.

    Args:
        scores: `(m,)`.
        changes: What is added to the totals where a score is greater than the
            threshold, `(m, columns)`.
        base: Totals if no score is.
        goal: Decides.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    totals = np.vstack([base, base + np.cumsum(changes[order], axis=0)])
    # Equal scores leave together, and not even at 0 does a score of 0.
    after = np.append(falling[1:], np.float32(0.0))
    places = np.append(0, np.flatnonzero(falling > after) + 1)
    place = places[goal.best(totals[places])]
    if place == 0:
        threshold = 1.0
    elif place == len(falling):
        threshold = 0.0
    else:
        threshold = float(cut_between(falling[place], falling[place - 1]))
    return threshold, totals[place]


def _grid(scores: np.ndarray, added: np.ndarray, goal: ThresholdGoal) -> Found:
    """Returns the best combination of quantiles of the scores."""
    number = scores.shape[1]
    size = int(CELLS ** (1 / number) + 1e-9)
    edges = [spread_cuts(column, size) for column in scores.T]
    # The first edge at which an example leaves; behind the last if at none.
    cells = [
        len(edge) - np.searchsorted(edge[::-1], column)
        for edge, column in zip(edges, scores.T, strict=True)
    ]
    shape = tuple(len(edge) for edge in edges)
    totals = np.stack(
        [
            _grid_totals(cells, added[:, :, column], shape)
            for column in range(added.shape[2])
        ],
        axis=-1,
    )
    place = goal.best(totals.reshape(-1, totals.shape[-1]))
    index = np.unravel_index(place, shape)
    thresholds = [edge[i] for edge, i in zip(edges, index, strict=True)]
    return np.array(thresholds, "float32"), totals[index]


def _grid_totals(
    cells: list[np.ndarray], added: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Returns one total for each combination of thresholds.

    Args:
        cells: Of each exit, the first edge at which each example leaves.
        added: What an example adds if it leaves at each exit, `(n, K)`.
        shape: Number of edges of each exit.
    """
    number = len(shape)
    total = np.zeros(shape)
    for k in range(number + 1):
        passed = cells[: k + 1]
        sizes = tuple(size + 1 for size in shape[: k + 1])
        flat = np.ravel_multi_index(passed, sizes)
        sums = np.bincount(flat, added[:, k], minlength=int(np.prod(sizes)))
        sums = sums.reshape(sizes)
        for axis in range(len(sizes)):
            sums = _up_to_edge(sums, axis, leaves=axis == k)
        total += sums.reshape(sums.shape + (1,) * (number - sums.ndim))
    return total


def _up_to_edge(sums: np.ndarray, axis: int, leaves: bool) -> np.ndarray:
    """Sums over those that leave at each edge, or over those that stay."""
    left = np.cumsum(sums, axis=axis)
    every = left.take([-1], axis=axis)
    left = left.take(range(left.shape[axis] - 1), axis=axis)
    return left if leaves else every - left


def _first(leaves: np.ndarray) -> np.ndarray:
    """Returns the first exit at which each example leaves, from 0."""
    last = np.ones((len(leaves), 1), bool)
    return np.concatenate([leaves, last], axis=1).argmax(axis=1)
