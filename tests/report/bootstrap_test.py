"""Intervals against what is known of binomials."""

import numpy as np
import pytest

from keras_lt.report import bootstrap
from keras_lt.score_weights import score_weights

GROUPS = {
    "many": np.array([0]),
    "medium": np.array([1]),
    "few": np.zeros(0, dtype="int64"),
}


def weights_of(supports):
    return score_weights(supports, GROUPS)


def test_width_is_that_of_a_binomial():
    supports, hits = np.array([400, 100]), np.array([320, 50])
    intervals = bootstrap.accuracy_intervals(
        hits, supports, weights_of(supports), resamples=20_000, seed=0
    )
    variances = np.array([0.8 * 0.2 / 399, 0.5 * 0.5 / 99])
    spreads = {
        "accuracy": np.sqrt(variances @ np.array([0.8, 0.2]) ** 2),
        "balanced_accuracy": np.sqrt(variances.sum()) / 2,
        "many": np.sqrt(variances[0]),
        "medium": np.sqrt(variances[1]),
    }
    centres = {"accuracy": 0.74, "balanced_accuracy": 0.65}
    centres |= {"many": 0.8, "medium": 0.5}
    for name, spread in spreads.items():
        low, high = intervals[name]
        assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.05)
        assert (low + high) / 2 == pytest.approx(centres[name], abs=0.006)
    assert intervals["few"] is None


def coverage(draw_hits, truth, supports, trials=250):
    """Returns how often the interval of the class mean holds the truth."""
    generator = np.random.default_rng(0)
    weights = {"balanced_accuracy": np.full(len(supports), 1 / len(supports))}
    inside = 0
    for trial in range(trials):
        low, high = bootstrap.accuracy_intervals(
            draw_hits(generator), supports, weights, 400, seed=trial
        )["balanced_accuracy"]
        inside += low <= truth <= high
    return inside / trials


@pytest.mark.parametrize("size", [3, 100])
def test_coverage(size):
    supports = np.full(60, size)
    rates = np.linspace(0.1, 0.9, 60)
    found = coverage(
        lambda generator: generator.binomial(supports, rates), 0.5, supports
    )
    # With classes of 3 and resamples of 3 instead of 2, this is 0.88.
    assert 0.92 <= found <= 0.98


def test_seed_and_chunks(monkeypatch):
    supports, hits = np.array([40, 10]), np.array([30, 2])
    arguments = (hits, supports, weights_of(supports))
    first = bootstrap.accuracy_intervals(*arguments, 500, seed=3)
    assert first == bootstrap.accuracy_intervals(*arguments, 500, seed=3)
    assert first != bootstrap.accuracy_intervals(*arguments, 500, seed=4)
    monkeypatch.setattr(bootstrap, "CHUNK", 14)
    low, high = bootstrap.accuracy_intervals(*arguments, 500, 3)["accuracy"]
    assert low == pytest.approx(first["accuracy"][0], abs=0.05)
    assert high == pytest.approx(first["accuracy"][1], abs=0.05)


def test_paired_width_is_that_of_the_differences():
    supports = np.array([400, 100])
    wins, losses = np.array([40, 20]), np.array([10, 5])
    intervals = bootstrap.difference_intervals(
        wins, losses, supports, weights_of(supports), 20_000, seed=0
    )
    for name, place in (("many", 0), ("medium", 1)):
        size = supports[place]
        signs = np.repeat(
            [1, -1, 0],
            [wins[place], losses[place], size - wins[place] - losses[place]],
        )
        spread = signs.std(ddof=1) / np.sqrt(size)
        low, high = intervals[name]
        assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.06)
        assert (low + high) / 2 == pytest.approx(signs.mean(), abs=0.005)


def test_classes_that_are_all_wins():
    supports = np.array([5, 5])
    intervals = bootstrap.difference_intervals(
        supports, np.zeros(2, int), supports, weights_of(supports), 50, seed=0
    )
    assert intervals["accuracy"] == (1.0, 1.0)
