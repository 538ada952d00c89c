"""What the pass before each epoch measures."""

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt.objectives import Robustness
from tests.checks import to_numpy

COUNTS = [200, 50, 3, 2]  # One is many, one medium, two are few.


def logs_of_one_epoch(term, features, labels):
    """Trains nothing on vectors that are their own features."""
    inputs = keras.Input((features.shape[1],))
    backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    model = keras_lt.LongTailModel(backbone, num_classes=4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, objectives=[term])
    history = model.fit(features, labels, batch_size=8, verbose=0).history
    return {name: values[0] for name, values in history.items()}


def test_classes_without_data_neither_attract_nor_count():
    """Their centroid would be 0, and so near to features that are small."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 8)
    features = 0.01 * rng.normal(size=(24, 3)).astype("float32")
    term = Robustness(COUNTS)
    logs = logs_of_one_epoch(term, features, labels)
    np.testing.assert_array_equal(to_numpy(term.known), [1, 1, 1, 0])
    centroids = np.array([features[labels == c].mean(0) for c in range(3)])
    gaps = np.linalg.norm(features[:, None] - centroids, axis=2)
    origin = np.linalg.norm(features, axis=1)
    assert (origin < gaps.min(axis=1)).any()
    hits = gaps.argmin(axis=1) == labels
    assert logs["robustness_nearest_medium"] == pytest.approx(
        hits[labels == 1].mean()
    )
    # Class 3 is few as well, but was not seen.
    assert logs["robustness_nearest_few"] == pytest.approx(
        hits[labels == 2].mean()
    )
    spread = np.square(features[labels == 2] - centroids[2]).sum(1).mean()
    assert logs["robustness_distance_few"] == pytest.approx(
        np.sqrt(spread), rel=1e-4
    )


def test_nearest_chord_is_that_of_centroids_of_unit_length():
    """The mean of a class that is spread out is short, and points as well."""
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1, 2, 3], 16)
    spread = np.array([0.1, 2.0, 1.0, 3.0])[labels, None]
    features = np.eye(4)[labels] + spread * rng.normal(size=(64, 4))
    features = features.astype("float32")
    term = Robustness(COUNTS, distance="chord")
    logs = logs_of_one_epoch(term, features, labels)
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.array([units[labels == c].mean(axis=0) for c in range(4)])
    directions = means / np.linalg.norm(means, axis=1, keepdims=True)
    accuracy = {}
    for name, centroids in (("short", means), ("unit", directions)):
        gaps = np.linalg.norm(units[:, None] - centroids, axis=2)
        hits = gaps.argmin(axis=1) == labels
        accuracy[name] = hits[labels == 1].mean()
    assert accuracy["unit"] != accuracy["short"]
    assert logs["robustness_nearest_medium"] == pytest.approx(accuracy["unit"])


@pytest.mark.parametrize(
    ("length", "measured"),
    [(39, range(39)), (40, range(0, 40, 2)), (100, range(0, 100, 4))],
)
def test_nearest_looks_at_a_part_of_many_batches(length, measured, monkeypatch):
    """In the pass for the centroids, which are those of all."""
    passed = []
    answer = keras.Model.predict_on_batch

    def counted(self, x):
        passed.append(x)
        return answer(self, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", counted)
    # In some batches, the third class lies where the second does.
    labels = np.tile([0, 1, 2, 3], 2 * length)
    features = np.eye(4, dtype="float32")[labels]
    batch = np.arange(8 * length) // 8
    wrong = np.random.default_rng(0).choice(length, length // 3, replace=False)
    features[(labels == 2) & np.isin(batch, wrong)] = [0, 1, 0, 0]
    batches = keras_lt.data.Batches(
        (features, labels), 8, keras_lt.samplers.InOrder()
    )
    term = Robustness(COUNTS, batches=batches)
    logs = logs_of_one_epoch(term, features, labels)
    assert len(passed) == length
    share = np.isin(wrong, measured).sum() / len(measured)
    means = [features[labels == label].mean(axis=0) for label in range(4)]
    np.testing.assert_allclose(to_numpy(term.centroids), means, 1e-5)
    # Of the few, the fourth class is always right.
    assert logs["robustness_nearest_few"] == pytest.approx(1 - share / 2)
