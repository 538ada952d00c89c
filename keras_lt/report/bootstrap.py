"""Intervals from resampled test examples.

Examples are resampled within their class, as the number of test examples of a
class is part of how the test was made. What a resample of a class needs is how
many answers are right, so it is one binomial draw instead of a draw for each
example. A class of `n` examples is resampled with `n - 1`, which makes the
variance of a mean unbiased; with `n`, classes of three images would give
intervals that are a fifth too short. A class of one example says nothing about
its spread, and adds none.

A bootstrap knows only what it has seen: a class whose examples are all right
has an interval of one point, so read groups of a handful of images with care.

Reference: Rao and Wu, 1988, Resampling inference with complex survey data.
"""

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

CHUNK = 2**22
"""Draws held in memory together."""

Interval = tuple[float, float]
Weights = Mapping[str, np.ndarray | None]
Draw = Callable[[np.random.Generator, int], np.ndarray]


def accuracy_intervals(
    hits: np.ndarray,
    supports: np.ndarray,
    weights: Weights,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> dict[str, Interval | None]:
    """Returns the percentile interval of each score.

    Args:
        hits: Number of right answers of each class.
        supports: Number of test examples of each class.
        weights: Weight of each class in each score; see `score_weights`.
        resamples: Number of resamples.
        seed: Of the random numbers.
        confidence: Share of the resamples inside of the interval.
    """
    sizes = np.maximum(supports - 1, 1)[:, None]
    rates = (hits / np.maximum(supports, 1))[:, None]

    def draw(generator: np.random.Generator, size: int) -> np.ndarray:
        # One class after the other: NumPy sets a distribution up once.
        return generator.binomial(sizes, rates, (len(hits), size)) / sizes

    return _intervals(draw, weights, resamples, seed, confidence)


def difference_intervals(
    wins: np.ndarray,
    losses: np.ndarray,
    supports: np.ndarray,
    weights: Weights,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> dict[str, Interval | None]:
    """Returns the interval of the difference of two runs, example by example.

    Args:
        wins: Number of examples of each class that only the second run gets.
        losses: Number of examples of each class that only the first run gets.
        supports: Number of test examples of each class.
        weights: Weight of each class in each score; see `score_weights`.
        resamples: Number of resamples.
        seed: Of the random numbers.
        confidence: Share of the resamples inside of the interval.
    """
    sizes = np.maximum(supports - 1, 1)[:, None]
    win_rates = (wins / np.maximum(supports, 1))[:, None]
    loss_rates = (losses / np.maximum(supports - wins, 1))[:, None]

    def draw(generator: np.random.Generator, size: int) -> np.ndarray:
        won = generator.binomial(sizes, win_rates, (len(wins), size))
        lost = generator.binomial(sizes - won, loss_rates)
        return (won - lost) / sizes

    return _intervals(draw, weights, resamples, seed, confidence)


def _intervals(
    draw: Draw,
    weights: Weights,
    resamples: int,
    seed: int,
    confidence: float,
) -> dict[str, Interval | None]:
    names = [name for name, values in weights.items() if values is not None]
    matrix = np.stack([weights[name] for name in names])  # type: ignore[misc]
    generator = np.random.default_rng(seed)
    step = max(1, CHUNK // matrix.shape[1])
    scores = [
        matrix @ draw(generator, min(step, resamples - start))
        for start in range(0, resamples, step)
    ]
    tail = (1 - confidence) / 2
    ends = np.quantile(np.concatenate(scores, axis=1), [tail, 1 - tail], axis=1)
    found = dict(zip(names, zip(*ends.tolist(), strict=True), strict=True))
    return {name: found.get(name) for name in weights}
