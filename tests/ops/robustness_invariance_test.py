"""What the robust loss does not depend on."""

import numpy as np
import pytest
from keras import ops

from keras_lt.ops import robustness as module
from tests import robustness_reference as reference
from tests.checks import to_numpy
from tests.ops.robust_cases import every_bound
from tests.ops.robust_cases import every_distance
from tests.robust_values import gradient_of
from tests.robust_values import losses
from tests.robust_values import tensors
from tests.robust_values import total


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
