import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.ops import robustness as module
from tests import robustness_reference as reference
from tests import robustness_search as search
from tests.checks import to_numpy
from tests.compiled import compiled
from tests.gradients import gradient

BOUNDS, DISTANCES = reference.BOUNDS, reference.DISTANCES
every_bound = pytest.mark.parametrize("bound", BOUNDS)
every_distance = pytest.mark.parametrize("distance", DISTANCES)

GOLDEN = {
    ("same_class", "euclidean"): [
        1.94674, 1.37053, 5.39543, 3.09704, 2.72225, 4.58719, 4.03667, 4.09612
    ],
    ("same_class", "chord"): [
        2.64237, 2.80998, 4.52557, 3.16147, 3.87717, 5.87284, 3.56375, 3.62817
    ],
    ("same_class", "squared_euclidean"): [
        1.45705, 0.98904, 10.16038, 4.52425, 5.82695, 4.07499, 9.03884, 4.85651
    ],
    ("strict", "euclidean"): [
        2.16861, 1.44800, 5.62413, 3.58809, 2.99323, 4.58719, 4.59219, 4.16385
    ],
    ("strict", "chord"): [
        2.88881, 2.83504, 4.86936, 3.49323, 3.94836, 5.87284, 3.93455, 3.78282
    ],
    ("strict", "squared_euclidean"): [
        1.49854, 0.99399, 10.33265, 5.36393, 6.15303, 4.07499, 10.31393, 4.86752
    ],
    ("negatives_only", "euclidean"): [
        1.88184, 1.30254, 5.37866, 2.92221, 2.42925, 4.58719, 3.82851, 4.09157
    ],
    ("negatives_only", "chord"): [
        2.56905, 2.78905, 4.49865, 3.05663, 3.81507, 5.87284, 3.44322, 3.61728
    ],
    ("negatives_only", "squared_euclidean"): [
        1.44824, 0.98528, 10.15812, 4.17387, 5.48181, 4.07499, 8.89606, 4.85638
    ],
}  # fmt: skip
GOLDEN_TOTALS = {
    ("same_class", "euclidean"): (3.60154, 4.11575),
    ("strict", "chord"): (4.25737, 4.78290),
    ("negatives_only", "squared_euclidean"): (4.91379, 5.07355),
}


def tensors(batch):
    """Returns features, labels, and the values of all classes as tensors."""
    return (
        ops.convert_to_tensor(batch.features, "float32"),
        ops.convert_to_tensor(batch.labels, "int32"),
        ops.convert_to_tensor(batch.centroids, "float32"),
        ops.convert_to_tensor(batch.radii, "float32"),
    )


def gathered(values, bound, distance, temperature):
    """Returns the losses, centroids and radii gathered by label."""
    features, labels, centroids, radii = values
    return module.robust_losses(
        features,
        labels,
        ops.take(centroids, labels, axis=0),
        ops.take(radii, labels, axis=0),
        bound=bound,
        distance=distance,
        temperature=temperature,
    )


def losses(
    batch, bound="same_class", distance="euclidean", temperature=1.0
) -> np.ndarray:
    return to_numpy(gathered(tensors(batch), bound, distance, temperature))


def total(values, bound="same_class", distance="euclidean", temperature=1.0):
    """Returns the loss of the batch from tensors."""
    found = gathered(values, bound, distance, temperature)
    weights = module.class_weights_in_batch(values[1])
    return ops.sum(weights * found) / ops.sum(weights)


def by_class(values, batch):
    return reference.by_class(values.astype("float64"), batch.labels)


def gradient_of(name, batch, bound, distance="euclidean", temperature=1.0):
    """Returns the gradient of the batch's loss in one of its arrays."""
    names = ["features", "labels", "centroids", "radii"]
    values = list(tensors(batch))

    def at(x):
        values[names.index(name)] = x
        return total(values, bound, distance, temperature)

    return gradient(at, getattr(batch, name).astype("float32"))


def with_radii(batch, radius):
    return batch.replace(radii=np.full(len(batch.radii), float(radius)))


# What the values are.


@every_bound
@every_distance
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_float32_agrees_with_the_reference_in_float64(
    bound, distance, temperature
):
    for seed in range(3):
        batch = reference.random_batch(seed)
        found = losses(batch, bound, distance, temperature)
        expected = reference.losses(batch, bound, distance, temperature)
        assert found.shape == (12,) and found.dtype == "float32"
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@every_bound
@every_distance
def test_golden_values(bound, distance):
    found = losses(reference.golden_batch(), bound, distance, 0.5)
    np.testing.assert_allclose(found, GOLDEN[bound, distance], 1e-4, 1e-5)


@pytest.mark.parametrize(("bound", "distance"), GOLDEN_TOTALS)
@pytest.mark.parametrize("weighted", [False, True])
def test_golden_means_over_the_classes_in_the_batch(bound, distance, weighted):
    batch = reference.golden_batch()
    found = losses(batch, bound, distance, 0.5)
    given = batch.class_weights[batch.labels].astype("float32")
    weights = to_numpy(
        module.class_weights_in_batch(
            ops.convert_to_tensor(batch.labels, "int32"),
            ops.convert_to_tensor(given) if weighted else None,
        )
    )
    golden = GOLDEN_TOTALS[bound, distance][int(weighted)]
    assert np.average(found, weights=weights) == pytest.approx(golden, 1e-4)


def test_golden_values_of_the_defaults():
    features, labels, centroids, radii = tensors(reference.golden_batch())
    found = module.robust_losses(
        features,
        labels,
        ops.take(centroids, labels, axis=0),
        ops.take(radii, labels, axis=0),
    )
    expected = reference.losses(
        reference.golden_batch(), "same_class", "euclidean", 1.0
    )
    np.testing.assert_allclose(to_numpy(found), expected, 1e-4)


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


def test_weights_are_one_over_the_number_of_the_class():
    labels = ops.convert_to_tensor([2, 0, 2, 5, 2, 0], "int32")
    found = to_numpy(module.class_weights_in_batch(labels))
    assert found.dtype == "float32"
    thirds, half = 1 / 3, 1 / 2
    expected = [thirds, half, thirds, 1, thirds, half]
    np.testing.assert_allclose(found, expected, 1e-6)


def test_weighted_mean_is_the_mean_over_classes_of_class_means():
    batch = reference.random_batch()
    labels = ops.convert_to_tensor(batch.labels, "int32")
    values = reference.losses(batch, "strict")
    for given in (None, batch.class_weights):
        of_class = None
        if given is not None:
            of_class = ops.convert_to_tensor(given[batch.labels], "float32")
        weights = to_numpy(module.class_weights_in_batch(labels, of_class))
        expected = reference.batch_loss(values, batch.labels, given)
        found = np.average(values, weights=weights)
        assert found == pytest.approx(expected, 1e-6)
        assert not np.isclose(found, values.mean(), 1e-3)


def test_batch_centroids_are_means_of_classes():
    batch = reference.random_batch()
    features, labels, _, _ = tensors(batch)
    found = to_numpy(module.batch_centroids(features, labels))
    for z, label in zip(found, batch.labels, strict=True):
        mean = batch.features[batch.labels == label].mean(axis=0)
        np.testing.assert_allclose(z, mean, 1e-5, 1e-6)


@every_bound
@every_distance
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_losses_of_half_precision_are_float32(bound, distance, dtype):
    batch = reference.random_batch()
    low = ops.cast(batch.features, dtype)
    _, labels, centroids, radii = tensors(batch)
    found = gathered((low, labels, centroids, radii), bound, distance, 0.5)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = batch.replace(features=to_numpy(ops.cast(low, "float32")))
    expected = reference.losses(rounded, bound, distance, 0.5)
    np.testing.assert_allclose(to_numpy(found), expected, 1e-4, 1e-5)


# Radius zero, and how the losses grow with the radius.


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


# Which form bounds what.


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


# What the values do not depend on.


@every_bound
@every_distance
def test_values_follow_the_examples_when_they_change_places(bound, distance):
    batch = reference.random_batch()
    order = np.random.default_rng(3).permutation(12)
    moved = batch.replace(
        features=batch.features[order], labels=batch.labels[order]
    )
    found = losses(moved, bound, distance)
    expected = losses(batch, bound, distance)[order]
    np.testing.assert_allclose(found, expected, 1e-5, 1e-5)


@every_bound
@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean"])
def test_rigid_motion_of_features_and_centroids(bound, distance):
    batch = reference.random_batch()
    rng = np.random.default_rng(4)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shift = rng.normal(size=3)
    moved = batch.replace(
        features=batch.features @ rotation + shift,
        centroids=batch.centroids @ rotation + shift,
    )
    found = losses(moved, bound, distance)
    np.testing.assert_allclose(found, losses(batch, bound, distance), 1e-4)


@every_bound
def test_chord_reads_directions_only(bound):
    batch = reference.random_batch()
    rng = np.random.default_rng(5)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    moved = batch.replace(
        features=(batch.features @ rotation) * rng.uniform(0.5, 9, (12, 1)),
        centroids=(batch.centroids @ rotation) * rng.uniform(0.5, 9, (5, 1)),
    )
    found = losses(moved, bound, "chord")
    np.testing.assert_allclose(found, losses(batch, bound, "chord"), 1e-4)
    normalised = batch.replace(
        features=reference.unit(batch.features),
        centroids=reference.unit(batch.centroids),
    )
    np.testing.assert_allclose(found, losses(normalised, bound), 1e-4)


@every_bound
@every_distance
def test_relabelling_of_the_classes(bound, distance):
    batch = reference.random_batch()
    new = np.array([3, 0, 4, 1, 2])
    old = np.argsort(new)
    renamed = batch.replace(
        labels=new[batch.labels],
        centroids=batch.centroids[old],
        radii=batch.radii[old],
        class_weights=batch.class_weights[old],
    )
    found = losses(renamed, bound, distance)
    expected = losses(batch, bound, distance)
    np.testing.assert_allclose(found, expected, 1e-6)
    for one, other in ((batch, expected), (renamed, found)):
        weights = module.class_weights_in_batch(
            ops.convert_to_tensor(one.labels, "int32"),
            ops.convert_to_tensor(
                one.class_weights[one.labels].astype("float32")
            ),
        )
        mean = np.average(other, weights=to_numpy(weights))
        value = reference.batch_loss(
            reference.losses(batch, bound, distance),
            batch.labels,
            batch.class_weights,
        )
        assert mean == pytest.approx(value, 1e-4)


@every_bound
@every_distance
def test_absent_classes_contribute_nothing(bound, distance):
    batch = reference.random_batch()
    assert set(np.unique(batch.labels)) == {0, 2, 3, 4}
    found = gradient_of("radii", batch, bound, distance)
    assert found[1] == 0
    assert np.all(found[[0, 2, 3, 4]] > 0)
    changed = batch.replace(
        radii=np.where(np.arange(5) == 1, 100.0, batch.radii),
        centroids=np.where(np.arange(5)[:, None] == 1, -7.0, batch.centroids),
    )
    np.testing.assert_array_equal(
        losses(changed, bound, distance), losses(batch, bound, distance)
    )
    value = to_numpy(total(tensors(batch), bound, distance))
    expected = reference.batch_loss(
        reference.losses(batch, bound, distance), batch.labels
    )
    assert value == pytest.approx(expected, 1e-4)


@pytest.mark.parametrize("margin", [0.0, 1.0, 2.5])
def test_sorted_batch_with_one_margin_is_the_released_loss(margin):
    """The published margin `e` on the own distances is `2 r`, at T = 1."""
    batch = reference.random_batch()
    order = np.argsort(batch.labels, kind="stable")
    batch = with_radii(
        batch.replace(
            features=batch.features[order], labels=batch.labels[order]
        ),
        margin / 2,
    )
    expected = reference.published_loss(
        batch, np.full(5, margin), 1.0, scrambled=True
    )
    found = to_numpy(total(tensors(batch)))
    assert found == pytest.approx(expected, 1e-4)


def test_margins_belong_to_their_class_in_an_unsorted_batch():
    """Here the released program hands them to other classes."""
    batch = reference.random_batch()
    published, released = (
        reference.published_loss(batch, 2 * batch.radii, 0.5, scrambled)
        for scrambled in (False, True)
    )
    found = to_numpy(total(tensors(batch), temperature=0.5))
    assert found == pytest.approx(published, 1e-4)
    assert abs(found - released) > 1e-2


# Gradients.


@every_bound
@every_distance
def test_gradient_in_the_features_agrees_with_differences(bound, distance):
    batch = reference.random_batch()

    def value(features):
        moved = batch.replace(features=features)
        values = reference.losses(moved, bound, distance, 0.7)
        return reference.batch_loss(values, batch.labels)

    expected = np.zeros_like(batch.features)
    for place in np.ndindex(expected.shape):
        step = np.zeros_like(expected)
        step[place] = 1e-5
        high, low = value(batch.features + step), value(batch.features - step)
        expected[place] = (high - low) / 2e-5
    found = gradient_of("features", batch, bound, distance, 0.7)
    np.testing.assert_allclose(found, expected, 1e-3, 1e-4)


@every_bound
@every_distance
def test_centroids_get_no_gradient(bound, distance):
    batch = reference.random_batch()
    found = gradient_of("centroids", batch, bound, distance)
    np.testing.assert_array_equal(found, np.zeros((5, 3)))


@every_distance
def test_centroids_of_the_batch_get_no_gradient(distance):
    features, labels, _, radii = tensors(reference.random_batch())
    radii = ops.take(radii, labels, axis=0)

    def at(x, centroids):
        return module.robust_losses(
            x, labels, centroids, radii, distance=distance
        )

    fixed = ops.convert_to_tensor(
        to_numpy(module.batch_centroids(features, labels))
    )
    x = to_numpy(features)
    np.testing.assert_allclose(
        gradient(lambda x: at(x, module.batch_centroids(x, labels)), x),
        gradient(lambda x: at(x, fixed), x),
        1e-5,
        1e-6,
    )


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
    values = losses(batch.replace(features=zero), bound, distance)
    assert np.all(np.isfinite(values))
    zeros = batch.replace(
        features=zero, centroids=np.zeros_like(batch.centroids)
    )
    assert np.all(np.isfinite(losses(zeros, bound, distance)))
    assert np.all(np.isfinite(gradient_of("features", zeros, bound, distance)))


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
