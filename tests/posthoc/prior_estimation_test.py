"""Estimated class shares against expectation-maximisation, word by word."""

import math
import warnings

import numpy as np
import pytest

from keras_lt import posthoc

COUNTS = [500, 120, 30]
TRAIN = np.array(COUNTS) / 650
TEST = np.array([0.15, 0.25, 0.6])


def mixture(size, shares, seed=0):
    """Draws from three Gaussians; the logits are exact for training."""
    rng = np.random.default_rng(seed)
    means = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    labels = rng.choice(3, size=size, p=shares)
    x = means[labels] + rng.normal(size=(size, 2))
    distances = np.square(x[:, None] - means).sum(axis=-1)
    logits = -distances / 2 + np.log(TRAIN)
    # A softmax does not see what is added to all logits of an example.
    return logits + rng.normal(size=(size, 1)), labels


def softmax(values):
    exps = [math.exp(value - max(values)) for value in values]
    return [one / sum(exps) for one in exps]


def reference(logits, train, pseudo_count=0.0, iterations=3000):
    """The two steps of the paper, example by example."""
    classes = range(len(train))
    posteriors = [softmax(row) for row in logits.tolist()]
    prior = list(train)
    for _ in range(iterations):
        sums = [pseudo_count] * len(train)
        for posterior in posteriors:
            scaled = [prior[c] / train[c] * posterior[c] for c in classes]
            for c in classes:
                sums[c] += scaled[c] / sum(scaled)
        prior = [one / sum(sums) for one in sums]
    return np.array(prior)


def log_likelihood(logits, shares):
    ratios = np.exp(logits) / TRAIN
    ratios /= ratios.sum(axis=1, keepdims=True)
    return np.log(ratios @ shares).mean()


@pytest.mark.parametrize("pseudo_count", [0.0, 2.5])
def test_matches_the_two_steps(pseudo_count):
    logits, _ = mixture(40, TEST)
    found = posthoc.estimate_prior(
        logits, COUNTS, pseudo_count=pseudo_count, tolerance=1e-12
    )
    expected = reference(logits, TRAIN, pseudo_count)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)


def test_finds_the_truth():
    logits, labels = mixture(40_000, TEST)
    found = posthoc.estimate_prior(logits, COUNTS)
    np.testing.assert_allclose(found, TEST, atol=0.012)
    # Counting answers is far from it, as the head was preferred in training.
    counted = np.bincount(logits.argmax(axis=1), minlength=3) / len(labels)
    assert np.abs(counted - TEST).max() > 0.1


def test_makes_answers_better():
    logits, labels = mixture(20_000, TEST)
    prior = posthoc.estimate_prior(logits, COUNTS)
    accuracies = [
        (answers.argmax(axis=1) == labels).mean()
        for answers in (
            logits,
            posthoc.adjust_logits(logits, COUNTS),
            posthoc.adjust_logits(logits, COUNTS, test_prior=prior),
            posthoc.adjust_logits(logits, COUNTS, test_prior=TEST),
        )
    ]
    assert accuracies[2] > max(accuracies[:2]) + 0.005
    assert accuracies[2] == pytest.approx(accuracies[3], abs=0.003)


def test_prior_of_training_is_found_where_nothing_changed():
    logits, _ = mixture(20_000, TRAIN)
    found = posthoc.estimate_prior(logits, COUNTS)
    np.testing.assert_allclose(found, TRAIN, atol=0.012)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_no_shares_are_better_by_more_than_the_tolerance(tolerance):
    logits, _ = mixture(300, TEST)
    found = posthoc.estimate_prior(logits, COUNTS, tolerance=tolerance)
    best = posthoc.estimate_prior(logits, COUNTS, tolerance=1e-12)
    loss = log_likelihood(logits, best) - log_likelihood(logits, found)
    assert -1e-12 < loss <= tolerance
    # The slope towards each class bounds what could still be gained.
    ratios = np.exp(logits) / TRAIN
    slopes = (ratios / (ratios @ found)[:, None]).mean(axis=0)
    assert slopes.max() <= 1 + tolerance * (1 + 1e-6)
    rng = np.random.default_rng(0)
    for other in [*rng.dirichlet(np.ones(3), 300), TEST, TRAIN]:
        likely = log_likelihood(logits, other)
        assert likely <= log_likelihood(logits, found) + tolerance


def test_tolerance_is_that_of_the_aim_with_pseudo_counts():
    logits, _ = mixture(300, TEST)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # It converges.
        found, best = (
            posthoc.estimate_prior(
                logits, COUNTS, pseudo_count=30.0, tolerance=tolerance
            )
            for tolerance in (1e-3, 1e-9)
        )
    aims = [
        log_likelihood(logits, shares) + 0.1 * np.log(shares).sum()
        for shares in (found, best)
    ]
    assert 0 < aims[1] - aims[0] <= 1e-3


def test_balanced_training_needs_no_counts():
    logits, _ = mixture(200, TEST)
    adjusted = posthoc.adjust_logits(logits, COUNTS)
    for equal in (None, [7, 7, 7]):
        np.testing.assert_allclose(
            posthoc.estimate_prior(adjusted, equal, tolerance=1e-10),
            posthoc.estimate_prior(logits, COUNTS, tolerance=1e-10),
            atol=1e-4,
        )


def test_absent_class_can_be_passed_on():
    logits, _ = mixture(2000, [0.5, 0.5, 0.0])
    logits[:, 2] -= 60
    found = posthoc.estimate_prior(logits, COUNTS)
    assert 0 < found[2] < 1e-9
    adjusted = posthoc.adjust_logits(logits, COUNTS, test_prior=found)
    assert np.isfinite(adjusted).all()
    kept = posthoc.estimate_prior(logits, COUNTS, pseudo_count=1.0)
    assert kept[2] == pytest.approx(1 / 2003, rel=1e-3)


def test_each_exit():
    parts = [mixture(200, TEST, seed)[0] for seed in range(3)]
    found = posthoc.estimate_prior(np.stack(parts, axis=1), COUNTS)
    assert found.shape == (3, 3)
    for k, part in enumerate(parts):
        expected = posthoc.estimate_prior(part, COUNTS)
        np.testing.assert_allclose(found[k], expected, 1e-12)
    adjusted = posthoc.adjust_logits(
        np.stack(parts, axis=1), COUNTS, test_prior=found
    )
    assert adjusted.shape == (200, 3, 3)


def test_says_that_it_has_not_converged():
    logits, _ = mixture(200, TEST)
    message = "converged in 2 iterations.*1e-09"
    with pytest.warns(UserWarning, match=message) as caught:
        posthoc.estimate_prior(logits, COUNTS, tolerance=1e-9, max_iterations=2)
    assert caught[0].filename == __file__


def test_large_logits_do_not_overflow():
    logits = 1e4 * np.eye(3, dtype="float32")[[0, 1, 1, 2]]
    found = posthoc.estimate_prior(logits, COUNTS)
    np.testing.assert_allclose(found, [0.25, 0.5, 0.25], atol=1e-5)


def test_bad_input():
    logits, _ = mixture(5, TEST)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(5, 3\)"):
        posthoc.estimate_prior(logits, [5, 5])
    with pytest.raises(ValueError, match="1 of 3 classes below 1"):
        posthoc.estimate_prior(logits, [5, 0, 5])
    with pytest.raises(ValueError, match="must be finite"):
        posthoc.estimate_prior(logits * np.nan, COUNTS)
    with pytest.raises(ValueError, match="one example or more"):
        posthoc.estimate_prior(logits[:0], COUNTS)
    with pytest.raises(ValueError, match="`pseudo_count` must be .* 0 or"):
        posthoc.estimate_prior(logits, COUNTS, pseudo_count=-1)
    with pytest.raises(ValueError, match="`tolerance` must be .* than 0"):
        posthoc.estimate_prior(logits, COUNTS, tolerance=0)
    with pytest.raises(ValueError, match="`max_iterations` must be a whole"):
        posthoc.estimate_prior(logits, COUNTS, max_iterations=0)
