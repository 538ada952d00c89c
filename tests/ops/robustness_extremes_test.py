"""The robust loss at the ends of its range."""

import numpy as np

from tests import robustness_reference as reference
from tests.ops.robust_cases import every_bound
from tests.ops.robust_cases import every_distance
from tests.robust_values import gradient_of
from tests.robust_values import losses


def check_finite(batch, bound, distance, temperature, atol):
    values = losses(batch, bound, distance, temperature)
    expected = reference.losses(batch, bound, distance, temperature)
    np.testing.assert_allclose(values, expected, 2e-4, atol)
    for name in ("features", "radii"):
        found = gradient_of(name, batch, bound, distance, temperature)
        assert np.all(np.isfinite(found)), name
    return gradient_of("features", batch, bound, distance, temperature)


@every_bound
@every_distance
def test_examples_at_their_centroid(bound, distance):
    """Whole numbers, so that the distances are exactly zero."""
    batch = reference.random_batch()
    centroids = 3 * np.arange(15.0).reshape(5, 3) ** 2 % 7
    batch = batch.replace(features=centroids[batch.labels], centroids=centroids)
    check_finite(batch, bound, distance, 1.0, atol=2e-4)
    one = batch.replace(
        features=np.tile(centroids[:1], (12, 1)),
        labels=np.zeros(12, int),
        radii=np.zeros(5),
    )
    found = check_finite(one, bound, distance, 1.0, atol=2e-4)
    np.testing.assert_allclose(found, np.zeros((12, 3)), atol=1e-6)


@every_bound
@every_distance
def test_features_of_zero(bound, distance):
    batch = reference.random_batch()
    zero = np.zeros_like(batch.features)
    at_zero = batch.replace(features=zero)
    check_finite(at_zero, bound, distance, 1.0, atol=2e-4)
    zeros = at_zero.replace(centroids=np.zeros_like(batch.centroids))
    check_finite(zeros, bound, distance, 1.0, atol=2e-4)


@every_bound
@every_distance
def test_low_temperature_and_far_features(bound, distance):
    """Where `exp` overflows, both near the own centroid and near another."""
    batch = reference.random_batch(spread=60.0)
    assert max(reference.class_row(batch, 0, "euclidean")) > 100
    check_finite(batch, bound, distance, 0.07, atol=0.05)
    astray = batch.replace(centroids=np.roll(batch.centroids, 1, axis=0))
    check_finite(astray, bound, distance, 0.07, atol=0.05)
    if distance == "euclidean":
        assert losses(astray, bound, distance, 0.07).max() > 1000


@every_bound
@every_distance
def test_a_batch_of_one_example(bound, distance):
    batch = reference.random_batch()
    one = batch.replace(features=batch.features[:1], labels=batch.labels[:1])
    np.testing.assert_allclose(losses(one, bound, distance), [0.0], atol=1e-6)
    found = gradient_of("features", one, bound, distance)
    np.testing.assert_allclose(found, np.zeros((1, 3)), atol=1e-6)
