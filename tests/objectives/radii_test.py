"""One radius per class: fixed, given, or trained and held."""

import keras
import numpy as np
import pytest

from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.gradients import gradient

COUNTS = [400, 100, 25, 4]
INVERSE_ROOTS = np.array([1 / 20, 1 / 10, 1 / 5, 1 / 2])
SHARES = INVERSE_ROOTS / INVERSE_ROOTS.sum()


def test_sqrt_n_has_the_mean_that_was_asked_for():
    radii = Robustness(COUNTS, mean_radius=0.3).current_radii()
    np.testing.assert_allclose(radii, 0.3 * 4 * SHARES, rtol=1e-6)


def test_shared():
    radii = Robustness(COUNTS, radius="shared", mean_radius=0.3)
    np.testing.assert_allclose(radii.current_radii(), [0.3] * 4, rtol=1e-6)


def test_given():
    given = [0.0, 0.1, 2.0, 0.5]
    radii = Robustness(COUNTS, radius=given).current_radii()
    np.testing.assert_allclose(radii, given, rtol=1e-6)


def test_learned_starts_as_sqrt_n_without_a_penalty():
    term = Robustness(COUNTS, radius="learned", mean_radius=0.3)
    np.testing.assert_allclose(
        term.current_radii(), 0.3 * 4 * SHARES, rtol=1e-5
    )
    assert abs(float(term.radii.divergence())) < 1e-6


def test_learned_keeps_the_mean_and_pays_for_the_rest():
    term = Robustness(
        COUNTS, radius="learned", mean_radius=0.3, radius_penalty=2.0
    )
    values = np.array([0.5, -1.0, 2.0, 0.0])
    term.radii.values.assign(values)
    scores = np.log(SHARES) + values
    shares = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(term.current_radii(), 1.2 * shares, rtol=1e-5)
    divergence = np.sum(SHARES * np.log(SHARES / shares))
    np.testing.assert_allclose(
        float(term.radii.divergence()), 2 * divergence, rtol=1e-5
    )


def trained(kind, steps=60, penalty=1.0, rate=2.0):
    """Returns the radii after descending on fixed features."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 4)
    centroids = 2.0 * rng.normal(size=(4, 3)).astype("float32")
    features = centroids[labels] + rng.normal(size=(16, 3)).astype("float32")
    term = Robustness(
        COUNTS, radius=kind, mean_radius=0.5, radius_penalty=penalty
    )
    term.build((None, 3))
    term.set_centroids(centroids, np.ones(4))

    def total(values):
        radii = term.radii
        old, radii.values = radii.values, values
        losses, weights = term.call(features, labels)
        radii.values = old
        return keras.ops.sum(losses * weights) / 4.0

    values = to_numpy(term.radii.values)
    for _ in range(steps):
        values = values - rate * gradient(total, values)
    term.radii.values.assign(values)
    return term.current_radii()


def test_learned_does_not_collapse():
    radii = trained("learned")
    np.testing.assert_allclose(radii.mean(), 0.5, rtol=1e-5)
    assert radii.min() > 0.02
    wanted = 0.5 * 4 * SHARES
    assert np.abs(radii - wanted).max() > 0.02  # It did learn.
    held = trained("learned", penalty=100.0, rate=0.02)
    assert np.abs(held - wanted).max() < 0.02


def test_released_collapses_as_the_published_code_does():
    with pytest.warns(UserWarning, match="shrink below 0"):
        radii = trained("released")
    assert radii.max() < 0.0


def test_only_trained_radii_are_trainable():
    for kind, number in (("sqrt_n", 0), ("shared", 0), ("learned", 1)):
        term = Robustness(COUNTS, radius=kind)
        assert len(term.trainable_variables) == number


def test_no_radius_at_all():
    for kind in ("sqrt_n", "shared", "learned"):
        radii = Robustness(COUNTS, radius=kind, mean_radius=0).current_radii()
        np.testing.assert_array_equal(radii, np.zeros(4))


@pytest.mark.parametrize(
    ("radius", "received"),
    [
        ("sqrt", "'sqrt'"),
        ([0.1, 0.2], r"\(2,\)"),
        ([0.1, 0.2, 0.3, -0.1], r"\(4,\)"),
        ([0.1, 0.2, 0.3, float("nan")], r"\(4,\)"),
        (0.5, r"\(\)"),
        ({0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4}, "a dict"),
    ],
)
def test_bad_radius(radius, received):
    with pytest.raises(ValueError, match=f"for each of 4 .*{received}"):
        Robustness(COUNTS, radius=radius)


@pytest.mark.parametrize("name", ["mean_radius", "radius_penalty"])
def test_bad_factors(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a finite number"):
        Robustness(COUNTS, **{name: -1.0})
