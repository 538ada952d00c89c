"""Whether one line of a table is better than another."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from applications.tables.kept_run import KeptRun
from keras_lt.counts import class_groups
from keras_lt.score_weights import score_weights

FEWEST_SEEDS = 3
"""Pairs from which on their spread is what decides."""

RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Difference:
    """Holds how far a line is above another, in runs that are paired.

    With three pairs or more, the ends are two standard errors of the mean
    difference away from it. With fewer, they are those of the 95 % interval of
    a paired bootstrap over test images, which knows nothing of other seeds.

    Args:
        value: Mean difference of the scores.
        ends: Both ends; None with few pairs whose answers were not kept.
        pairs: Number of pairs.
    """

    value: float
    ends: tuple[float, float] | None
    pairs: int

    @property
    def is_clear(self) -> bool:
        """Whether zero lies outside of the ends."""
        return self.ends is not None and (self.ends[0] > 0 or self.ends[1] < 0)

    @property
    def verdict(self) -> str:
        """What the rule says, in a word or two."""
        if self.ends is None:
            return "not known: answers were not kept"
        if not self.is_clear:
            return "not told apart"
        word = "better" if self.value > 0 else "worse"
        if self.pairs >= FEWEST_SEEDS:
            return word
        return f"{word} ({self.pairs} {'seed' if self.pairs == 1 else 'seeds'})"


def difference(
    first: Sequence[KeptRun],
    second: Sequence[KeptRun],
    kinds: tuple[str, str],
    score: str = "accuracy",
) -> Difference | None:
    """Compares paired runs: `first` less `second`.

    Args:
        first: Runs of one line.
        second: Runs of the other, each paired with one of the first.
        kinds: Which of the answers of either.
        score: What is compared: `"accuracy"`, `"many"`, `"medium"` or
            `"few"`.

    Returns:
        The difference over the pairs that both have the score; None if there
        are none.
    """
    both = [
        (a, b)
        for a, b in zip(first, second, strict=True)
        if None not in (a.score(kinds[0], score), b.score(kinds[1], score))
    ]
    if not both:
        return None
    values = [
        a.score(kinds[0], score) - b.score(kinds[1], score) for a, b in both
    ]
    mean, pairs = float(np.mean(values)), len(values)
    if pairs >= FEWEST_SEEDS:
        margin = 2 * float(np.std(values, ddof=1)) / pairs**0.5
        return Difference(mean, (mean - margin, mean + margin), pairs)
    return Difference(mean, _bootstrap(both, kinds, score), pairs)


def _bootstrap(
    pairs: Sequence[tuple[KeptRun, KeptRun]],
    kinds: tuple[str, str],
    score: str,
) -> tuple[float, float] | None:
    """Returns the 95 % interval over test images drawn within classes."""
    gains = []
    for a, b in pairs:
        ours, theirs = a.correct(kinds[0]), b.correct(kinds[1])
        if ours is None or theirs is None:
            return None
        gains.append(ours[0].astype("float64") - theirs[0])
        labels = ours[1]
    supports = np.bincount(labels)
    groups = class_groups(pairs[0][0].class_counts)
    weights = score_weights(supports, groups)[score]
    total = _resamples(tuple(supports.tolist())) @ (
        weights[labels] * np.mean(gains, axis=0)
    )
    low, high = np.quantile(total, [0.025, 0.975]).tolist()
    return low, high


@functools.lru_cache(maxsize=4)
def _resamples(supports: tuple[int, ...]) -> np.ndarray:
    """Returns the share of each image in its class, in each resample.

    All comparisons have the same resamples, `(resamples, n)`. A class of `n`
    images is drawn from `n - 1` times, as in the reports.

    Args:
        supports: Number of test images of each class; images are by label.
    """
    generator = np.random.default_rng(0)
    parts = [
        generator.multinomial(max(size - 1, 1), [1 / size] * size, RESAMPLES)
        / max(size - 1, 1)
        for size in supports
        if size
    ]
    return np.concatenate(parts, axis=1, dtype="float32")
