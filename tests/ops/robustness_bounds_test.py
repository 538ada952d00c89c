"""How the loss grows with the radius, and which form bounds what."""

import functools

import numpy as np
import pytest
from keras import ops

from tests import robustness_reference as reference
from tests import robustness_search as search
from tests.checks import to_numpy
from tests.compiled import compiled
from tests.robust_values import by_class
from tests.robust_values import gathered
from tests.robust_values import gradient_of
from tests.robust_values import losses
from tests.robust_values import tensors
from tests.robust_values import with_radii

BOUNDS = reference.BOUNDS
every_bound = pytest.mark.parametrize("bound", BOUNDS)
every_distance = pytest.mark.parametrize("distance", reference.DISTANCES)


@every_distance
def test_radius_zero_is_the_plain_loss(distance):
    batch = with_radii(reference.random_batch(), 0)
    same = losses(batch, "same_class", distance)
    np.testing.assert_array_equal(losses(batch, "strict", distance), same)
    plain = reference.losses(batch, "plain", distance)
    np.testing.assert_allclose(same, plain, 1e-5, 1e-5)
    np.testing.assert_allclose(
        losses(batch, "negatives_only", distance),
        reference.losses(batch, "plain_negatives", distance),
        1e-5,
        1e-5,
    )


@every_bound
@every_distance
def test_losses_do_not_fall_when_a_radius_grows(bound, distance):
    batch = reference.random_batch()
    before = losses(batch, bound, distance)
    for label in np.unique(batch.labels):
        radii = batch.radii + 0.25 * (np.arange(len(batch.radii)) == label)
        after = losses(batch.replace(radii=radii), bound, distance)
        own = batch.labels == label
        assert np.all(after[own] > before[own])
        np.testing.assert_array_equal(after[~own], before[~own])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_slope_in_each_radius_is_the_share_of_other_classes(temperature):
    batch = reference.random_batch()
    found = gradient_of("radii", batch, "same_class", temperature=temperature)
    present = np.unique(batch.labels)
    for label in present:
        share = reference.share_of_own_class(batch, label, temperature)
        slope = found[label] * len(present)
        assert slope == pytest.approx(2 / temperature * (1 - share), 1e-3)
        assert 0 < slope <= 2 / temperature


@every_bound
@every_distance
def test_slope_in_each_radius_agrees_with_differences(bound, distance):
    batch = reference.random_batch()

    def value(radii):
        values = reference.losses(batch.replace(radii=radii), bound, distance)
        return reference.batch_loss(values, batch.labels)

    found = gradient_of("radii", batch, bound, distance)
    steps = 1e-5 * np.eye(len(batch.radii))
    expected = [
        (value(batch.radii + s) - value(batch.radii - s)) / 2e-5 for s in steps
    ]
    np.testing.assert_allclose(found, expected, 1e-3, 1e-5)
    if distance != "squared_euclidean":
        assert np.all(found >= 0) and found.max() * 4 <= 2.0


def test_without_another_class_the_radius_changes_nothing():
    batch = reference.random_batch()
    batch = batch.replace(labels=np.full_like(batch.labels, 2))
    slope = {b: gradient_of("radii", batch, b) for b in BOUNDS}
    np.testing.assert_array_equal(slope["same_class"], np.zeros(5))
    np.testing.assert_array_equal(slope["negatives_only"], np.zeros(5))
    assert slope["strict"][2] > 0
    plain = losses(with_radii(batch, 0))
    np.testing.assert_array_equal(losses(batch, "same_class"), plain)
    negatives_only = losses(batch, "negatives_only")
    np.testing.assert_allclose(negatives_only, np.zeros(12), atol=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "chord"])
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_plain_same_class_strict_uniform_stand_in_this_order(
    distance, temperature
):
    for seed in range(5):
        batch = reference.random_batch(seed)
        plain = losses(with_radii(batch, 0), "strict", distance, temperature)
        shift = 2 * batch.radii[batch.labels] / temperature
        chain = [
            plain,
            losses(batch, "same_class", distance, temperature),
            losses(batch, "strict", distance, temperature),
            plain + shift,
        ]
        for lower, upper in zip(chain, chain[1:], strict=False):
            assert np.all(lower <= upper + 1e-5)
            assert np.any(lower < upper - 1e-2)
        negatives_only = losses(batch, "negatives_only", distance, temperature)
        assert np.all(negatives_only <= chain[1] + 1e-5)


@functools.cache
def in_all_cases(bound, distance):
    """Returns the loss of the class of each random case, as tensors have it."""
    function = compiled(
        lambda values, temperature: gathered(
            values, bound, distance, temperature
        )
    )
    found = []
    for batch, label, temperature in search.random_cases(distance):
        divisor = ops.convert_to_tensor(temperature, "float32")
        values = to_numpy(function(tensors(batch), divisor))
        found.append(by_class(values, batch)[label])
    return np.array(found)


@every_bound
@every_distance
def test_random_cases_agree_with_the_reference(bound, distance):
    expected = [
        reference.by_class(
            reference.losses(batch, bound, distance, temperature), batch.labels
        )[label]
        for batch, label, temperature in search.random_cases(distance)
    ]
    found = in_all_cases(bound, distance)
    # A product of matrices loses digits where a distance is almost 0.
    np.testing.assert_allclose(found, expected, 1e-4, 4e-3)
    assert np.isclose(found, expected, 1e-4, 1e-5).mean() > 0.95


@every_distance
def test_strict_is_at_least_the_worst_case_found(distance):
    worst = search.worst("plain", distance)
    strict = in_all_cases("strict", distance)
    assert len(worst) == search.COUNTS[distance] >= 200
    assert np.all(strict >= worst - 1e-4 * (1 + worst))


@every_distance
def test_negatives_only_is_at_least_its_worst_case_found(distance):
    worst = search.worst("plain_negatives", distance)
    found = in_all_cases("negatives_only", distance)
    assert np.all(found >= worst - 1e-4 * (1 + worst))


def test_same_class_is_no_bound_on_the_whole_loss():
    """Which shows as well that the search finds bad centroids."""
    worst = search.worst("plain", "euclidean")
    beaten = worst > in_all_cases("same_class", "euclidean") + 1e-3
    several = np.array(
        [
            np.sum(b.labels == c) > 1
            for b, c, _ in search.random_cases("euclidean")
        ]
    )
    assert np.sum(beaten) > 150
    assert not np.any(beaten & ~several)


@pytest.mark.parametrize("distance", ["euclidean", "chord"])
def test_separation_is_at_least_the_worst_loss_of_the_class(distance):
    """`same_class` is plain compactness and robust separation."""
    cases = search.random_cases(distance)
    found = in_all_cases("same_class", distance)
    compact, separate = (
        np.array([term(b, c, distance, t) for b, c, t in cases])
        for term in (reference.compactness, reference.separation)
    )
    np.testing.assert_allclose(found, compact + separate, 1e-4, 4e-3)
    worst = search.worst("mass", distance)
    assert np.all(found - compact >= worst - 1e-4 * (1 + found))
    assert np.any(found - compact < worst + 1e-3)


@pytest.mark.parametrize("distance", ["euclidean", "chord"])
def test_same_class_is_strict_for_one_example_of_each_class(distance):
    batch = reference.random_batch(size=12)
    once = np.array([3, 0, 4, 1, 2])
    batch = batch.replace(features=batch.features[:5], labels=once)
    same = losses(batch, "same_class", distance)
    strict = losses(batch, "strict", distance)
    np.testing.assert_array_equal(same, strict)
    assert np.all(same > losses(with_radii(batch, 0), "strict", distance))


def test_squared_distance_needs_the_length_of_each_pair():
    """A margin of `2 r` would be passed by centroids inside the ball."""
    worst = search.worst("plain", "squared_euclidean")
    shift = []
    for batch, label, temperature in search.random_cases("squared_euclidean"):
        plain = reference.losses(
            batch, "plain", "squared_euclidean", temperature
        )
        plain = reference.by_class(plain, batch.labels)[label]
        shift.append(plain + 2 * batch.radii[label] / temperature)
    assert np.sum(worst > np.array(shift) + 1e-3) > 40
    strict = in_all_cases("strict", "squared_euclidean")
    assert np.all(strict >= worst - 1e-4 * (1 + worst))


def test_squared_distance_has_no_bound_on_the_separation_alone():
    """What `same_class` adds differs between the examples of a class."""
    batch = reference.Batch(
        features=np.array([[0.0], [3.0], [3.2]]),
        labels=np.array([0, 0, 1]),
        centroids=np.array([[0.0], [3.2]]),
        radii=np.array([1.5, 0.0]),
        class_weights=np.ones(2),
    )
    values = losses(batch, "same_class", "squared_euclidean")
    compactness = 9 / 2 + np.log(1 + np.exp(-9))
    centroids = np.linspace(-1.5, 1.5, 301)[:, None]
    inside = np.exp(-((centroids - batch.features[:2, 0]) ** 2)).sum(1)
    outside = np.exp(-((centroids[:, 0] - 3.2) ** 2))
    worst = np.log(1 + outside / inside).max()
    found = np.mean(values[:2]) - compactness
    assert found == pytest.approx(0.2118, abs=1e-3)
    assert worst == pytest.approx(0.2340, abs=1e-3)


def test_margin_of_the_squared_distance_is_in_the_units_of_features():
    batch = reference.random_batch()
    scaled = batch.replace(
        features=10 * batch.features,
        centroids=10 * batch.centroids,
        radii=10 * batch.radii,
    )
    for bound in BOUNDS:
        found = losses(scaled, bound, "squared_euclidean", 100.0)
        expected = losses(batch, bound, "squared_euclidean", 1.0)
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@every_distance
def test_same_class_is_at_least_the_logarithm_of_the_class_size(distance):
    for seed in range(5):
        batch = reference.random_batch(seed)
        means = by_class(losses(batch, "same_class", distance), batch)
        for label, value in means.items():
            assert value >= np.log(np.sum(batch.labels == label)) - 1e-5


def test_floor_of_four_examples_of_a_class():
    """Reached where they are one and the others are far away."""
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    centroids = np.array([[0.0, 0.0], [200.0, 0.0]])
    batch = reference.Batch(
        centroids[labels], labels, centroids, np.array([0.5, 0.7]), np.ones(2)
    )
    np.testing.assert_allclose(losses(batch), np.full(8, 1.386294), 1e-5)
    np.testing.assert_allclose(
        losses(batch, "negatives_only"), np.zeros(8), atol=1e-6
    )


def test_counterexample_in_one_dimension():
    """Where moving the centroid brings one example of the class nearer."""
    batch = reference.counterexample()

    def of_class(values):
        return pytest.approx(by_class(values, batch)[0], abs=1e-4)

    plain = losses(with_radii(batch, 0))
    assert of_class(plain) == 0.6931
    worst = search.ascend([(batch, 0, 1.0)], "plain")[0]
    assert worst == pytest.approx(0.8133, abs=1e-4)
    assert of_class(losses(batch, "same_class")) == 0.6931 < worst
    assert of_class(losses(batch, "strict")) == 1.3133
    assert of_class(plain + 2 * 0.5) == 1.6931
