"""Post-hoc logit adjustment against its equation."""

import tracemalloc

import keras
import numpy as np
import pytest

from keras_lt import posthoc

COUNTS = [900, 90, 10]
PRIOR = [0.2, 0.3, 0.5]


def logits():
    return np.random.default_rng(0).normal(size=(6, 3))


def exit_logits():
    return np.random.default_rng(1).normal(size=(6, 4, 3))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_matches_equation(tau):
    expected = logits() - tau * np.log(np.array(COUNTS) / 1000)
    adjusted = posthoc.adjust_logits(logits(), COUNTS, tau)
    np.testing.assert_allclose(adjusted, expected, 1e-12)


def test_undoes_the_prior_of_the_training_set():
    balanced = logits()
    trained = balanced + np.log(COUNTS)
    adjusted = posthoc.adjust_logits(trained, COUNTS)
    shift = adjusted - balanced
    np.testing.assert_allclose(shift, shift[0, 0], 1e-9)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_puts_a_known_prior_in_place_of_that_of_training(tau):
    expected = logits().copy()
    for c in range(3):
        expected[:, c] += tau * np.log(PRIOR[c] / (COUNTS[c] / 1000))
    adjusted = posthoc.adjust_logits(logits(), COUNTS, tau, test_prior=PRIOR)
    np.testing.assert_allclose(adjusted, expected, 1e-12)


def test_posteriors_follow_bayes_rule():
    """Of p(x | c), the posteriors under both priors are known."""
    densities = np.random.default_rng(3).uniform(0.1, 1.0, size=(5, 3))
    train = densities * np.array(COUNTS) / 1000
    test = densities * PRIOR
    expected = test / test.sum(axis=1, keepdims=True)
    adjusted = posthoc.adjust_logits(np.log(train), COUNTS, test_prior=PRIOR)
    found = np.exp(adjusted) / np.exp(adjusted).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, 1e-12)


def test_prior_of_training_changes_nothing():
    prior = np.array(COUNTS) / 1000
    adjusted = posthoc.adjust_logits(logits(), COUNTS, 0.7, test_prior=prior)
    np.testing.assert_allclose(adjusted, logits(), 1e-12)


def test_rounded_prior_is_scaled_to_sum_1():
    exact = posthoc.adjust_logits(logits(), COUNTS, test_prior=PRIOR)
    rounded = np.array(PRIOR) * 1.0005
    found = posthoc.adjust_logits(logits(), COUNTS, test_prior=rounded)
    np.testing.assert_allclose(found, exact, 1e-12)


def test_each_exit():
    values = exit_logits()
    taus = [0.0, 0.5, 1.0, 1.5]
    priors = np.random.default_rng(2).dirichlet(np.ones(3), size=4)
    one = posthoc.adjust_logits(values, COUNTS, 0.8, test_prior=PRIOR)
    each = posthoc.adjust_logits(values, COUNTS, taus, test_prior=priors)
    for k in range(4):
        np.testing.assert_array_equal(
            one[:, k],
            posthoc.adjust_logits(values[:, k], COUNTS, 0.8, PRIOR),
        )
        np.testing.assert_allclose(
            each[:, k],
            posthoc.adjust_logits(values[:, k], COUNTS, taus[k], priors[k]),
            1e-12,
        )


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64")],
)
def test_dtype(given, expected):
    before = logits().astype(given)
    kept = before.copy()
    adjusted = posthoc.adjust_logits(before, COUNTS, test_prior=PRIOR)
    assert adjusted.dtype == expected
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: posthoc.adjust_logits(values, range(1, 501)),
        posthoc.TemperatureScaling({"all": 3.0}),
    ],
    ids=["adjust_logits", "TemperatureScaling"],
)
def test_memory_is_that_of_the_result(change):
    values = np.random.default_rng(0).normal(size=(1000, 500)).astype("float32")
    tracemalloc.start()
    found = change(values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.dtype == "float32"
    assert peak < 1.5 * values.nbytes
    np.testing.assert_array_equal(
        found, change(values.astype("float64")).astype("float32")
    )


def test_whole_numbers():
    found = posthoc.adjust_logits([[2, 0, 1]], COUNTS)
    expected = np.array([2, 0, 1]) - np.log(np.array(COUNTS) / 1000)
    np.testing.assert_allclose(found[0], expected, 1e-6)


def test_tensors_of_the_backend():
    values = logits().astype("float32")
    found = posthoc.adjust_logits(keras.ops.convert_to_tensor(values), COUNTS)
    np.testing.assert_array_equal(found, posthoc.adjust_logits(values, COUNTS))


def test_bad_input():
    bad = logits()
    bad[4, 1] = np.nan
    with pytest.raises(ValueError, match="first in row 4 of 6. Check"):
        posthoc.adjust_logits(bad, COUNTS)
    bad = exit_logits()
    bad[3, 2, 1] = np.inf
    with pytest.raises(ValueError, match="first in row 3 of 6. Check"):
        posthoc.adjust_logits(bad, COUNTS)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(6, 3\)"):
        posthoc.adjust_logits(logits(), [5, 5])
    with pytest.raises(ValueError, match=r"Received: shape \(3,\)"):
        posthoc.adjust_logits(logits()[0], COUNTS)
    with pytest.raises(ValueError, match="real numbers. Received: dtype=<U"):
        posthoc.adjust_logits([["a", "b", "c"]], COUNTS)
    with pytest.raises(ValueError, match="`tau` must be .* 0 or greater"):
        posthoc.adjust_logits(logits(), COUNTS, tau=-1)
    with pytest.raises(ValueError, match="1 of 3 classes below 1"):
        posthoc.adjust_logits(logits(), [5, 0, 5])


@pytest.mark.parametrize("shape", [(2, 3), (2, 2, 3)])
def test_probabilities_are_no_logits(shape):
    shares = np.full(shape, 1 / 3, "float32")
    with pytest.raises(ValueError, match="np.log.probabilities"):
        posthoc.adjust_logits(shares, [5, 3, 1])
    changed = np.log(shares) - np.log([5, 3, 1])
    found = posthoc.adjust_logits(np.log(shares), [5, 3, 1])
    centred = [one - one[..., :1] for one in (found, changed)]
    np.testing.assert_allclose(*centred, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_one_image_may_sum_to_almost_1(dtype):
    scaling = posthoc.TemperatureScaling({"all": 2.0})
    found = scaling(np.array([[0.6, 0.405]], dtype))
    np.testing.assert_allclose(found, [[0.3, 0.2025]], 1e-6)
    for kind in (dtype, "float16"):
        with pytest.raises(ValueError, match="which are probabilities"):
            scaling(np.full((1, 3), 1 / 3, kind))


def test_bad_tau_for_exits():
    with pytest.raises(ValueError, match=r"each of the 4 exits.*shape \(3,\)"):
        posthoc.adjust_logits(exit_logits(), COUNTS, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"must be one number\. Received"):
        posthoc.adjust_logits(logits(), COUNTS, [1.0] * 6)
    with pytest.raises(ValueError, match="tau=-2"):
        posthoc.adjust_logits(exit_logits(), COUNTS, [1.0, 1.0, -2.0, 1.0])


@pytest.mark.parametrize(
    ("prior", "match"),
    [
        ([0.5, 0.5], r"of shape \(3,\). Received: shape \(2,\)"),
        ([0.5, 0.5, 0.0], "1 of 3 that are not, first at label 2: 0.0"),
        ([0.7, -0.2, 0.5], "1 of 3 that are not, first at label 1: -0.2"),
        ([0.5, np.nan, 0.5], "first at label 1: nan"),
        ([20, 30, 50], r"sum to 100\. Of numbers of examples, pass"),
        ([0.2, 0.3, 0.4], r"sum to 0\.9\."),
    ],
)
def test_what_is_no_prior(prior, match):
    with pytest.raises(ValueError, match=match):
        posthoc.adjust_logits(logits(), COUNTS, test_prior=prior)
