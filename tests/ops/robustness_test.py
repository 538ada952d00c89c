import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.ops import robustness as module
from tests import robustness_reference as reference
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.ops.robust_cases import every_bound
from tests.ops.robust_cases import every_distance
from tests.robust_values import gathered
from tests.robust_values import gradient_of
from tests.robust_values import losses
from tests.robust_values import tensors
from tests.robust_values import total
from tests.robust_values import with_radii

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
