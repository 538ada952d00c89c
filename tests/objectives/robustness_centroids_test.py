"""Where the centroids of the robust term come from."""

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.objectives.robust_models import CENTROIDS
from tests.objectives.robust_models import COUNTS
from tests.objectives.robust_models import DIM
from tests.objectives.robust_models import crossentropy
from tests.objectives.robust_models import examples
from tests.objectives.robust_models import reference
from tests.objectives.robust_models import small_model
from tests.objectives.robust_models import total_loss


def test_epoch_centroids_are_means_in_evaluation_mode():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(DIM)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    model = keras_lt.LongTailModel(keras.Model(inputs, x), num_classes=3)
    term = Robustness(COUNTS)
    rate = keras.optimizers.SGD(0.0)
    model.compile(rate, crossentropy(), objectives=[term])
    images, labels = examples(size=30)
    features = to_numpy(model(images, training=False)["features"])
    history = model.fit(images, labels, batch_size=12, epochs=1, verbose=0)
    means = [features[labels == label].mean(axis=0) for label in range(3)]
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=1e-5)
    spreads = [
        np.sqrt(
            np.square(features[labels == label] - means[label]).sum(1).mean()
        )
        for label in range(3)
    ]
    gaps = np.linalg.norm(features[:, None] - np.array(means), axis=2)
    hits = [
        (gaps.argmin(1) == labels)[labels == label].mean() for label in range(3)
    ]
    logged = {name: values[0] for name, values in history.history.items()}
    # 60, 12 and 3 images: two classes are few, one is medium, none is many.
    assert "robustness_distance_many" not in logged
    for what, values in (("distance", spreads), ("nearest", hits)):
        assert logged[f"robustness_{what}_medium"] == pytest.approx(
            values[0], abs=1e-4
        )
        assert logged[f"robustness_{what}_few"] == pytest.approx(
            np.mean(values[1:]), abs=1e-4
        )
    radii = term.current_radii()
    assert logged["robustness_radius_min"] == pytest.approx(radii.min())
    assert logged["robustness_radius_mean"] == pytest.approx(radii.mean())
    assert logged["robustness_radius_max"] == pytest.approx(radii.max())


def test_epoch_centroids_are_refreshed_before_each_epoch():
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS)
    model.compile(keras.optimizers.SGD(0.05), crossentropy(), objectives=[term])
    seen, wanted = [], []

    def look(epoch, logs):
        seen.append(to_numpy(term.centroids))
        features = to_numpy(model(images)["features"])
        wanted.append([features[labels == c].mean(axis=0) for c in range(3)])

    look_at = keras.callbacks.LambdaCallback(on_epoch_begin=look)
    model.fit(images, labels, epochs=3, verbose=0, callbacks=[look_at])
    np.testing.assert_allclose(seen, wanted, atol=1e-5)
    assert np.abs(seen[2] - seen[0]).max() > 1e-3


@pytest.mark.parametrize("company", [False, True])
def test_validation_images_of_fit_move_no_centroid(company):
    images, labels = examples(size=20)
    model = small_model()
    term = Robustness(COUNTS)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])[:15]
    y = {"label": labels, "row": np.arange(20)} if company else labels
    model.fit(images, y, validation_split=0.25, verbose=0)
    means = [features[labels[:15] == c].mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=1e-5)
    model.fit(  # Given both, Keras cuts nothing off.
        images[:15],
        labels[:15],
        validation_split=0.5,
        validation_data=(images[15:], labels[15:]),
        verbose=0,
    )
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=1e-5)


def test_the_pass_goes_over_the_batches_that_are_named():
    images, labels = examples()
    others, other_labels = examples(seed=3, size=9)
    batches = keras_lt.data.Batches((others, other_labels), batch_size=4)
    model = small_model()
    term = Robustness(COUNTS, batches=batches)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features = to_numpy(model(others)["features"])
    model.fit(images, labels, epochs=3, verbose=0)
    means = [features[other_labels == c].mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=1e-5)
    assert batches.epoch == 2  # Those of the epoch, as in training.


def test_moving_average_of_batches():
    """Also covers classes that are not in a batch, and first visits."""
    images, labels = examples(size=24)
    labels[:8] = np.array([0, 1, 0, 1, 1, 0, 0, 1])
    model = small_model()
    term = Robustness(COUNTS, centroids="moving_average", momentum=0.75)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])
    centroids, known = np.zeros((3, DIM)), np.zeros(3)
    for start in (0, 8, 16):
        rows = slice(start, start + 8)
        model.train_on_batch(images[rows], labels[rows])
        for c in np.unique(labels[rows]):
            mean = features[rows][labels[rows] == c].mean(axis=0)
            kept = 0.75 * known[c]
            centroids[c] = kept * centroids[c] + (1 - kept) * mean
            known[c] = 1.0
        np.testing.assert_allclose(
            to_numpy(term.centroids), centroids, atol=1e-5
        )
        np.testing.assert_array_equal(to_numpy(term.known), known)


@pytest.mark.parametrize("kind", ["moving_average", "batch"])
def test_first_batch_is_measured_from_its_own_means(kind):
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, centroids=kind)
    model.compile("sgd", crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])
    means = np.array([features[labels == c].mean(axis=0) for c in range(3)])
    plain = total_loss(model, images, labels, training=False)
    added = total_loss(model, images, labels) - plain
    wanted = reference(features, labels, means, term.current_radii())
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


def test_later_batches_are_measured_from_the_moving_average():
    """As it is with them, which is not the means of the batch."""
    images, labels = examples(size=24)
    model = small_model()
    term = Robustness(COUNTS, centroids="moving_average", momentum=0.75)
    model.compile("sgd", crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])
    centroids = np.zeros((3, DIM))
    for start, kept in ((0, 0.0), (12, 0.75)):
        rows = slice(start, start + 12)
        own, of_rows = features[rows], labels[rows]
        means = [own[of_rows == c].mean(axis=0) for c in range(3)]
        centroids = kept * centroids + (1 - kept) * np.array(means)
        plain = total_loss(model, images[rows], of_rows, training=False)
        added = total_loss(model, images[rows], of_rows) - plain
        wanted = reference(own, of_rows, centroids, term.current_radii())
        np.testing.assert_allclose(added, wanted, rtol=1e-4)
    other = reference(own, of_rows, np.array(means), term.current_radii())
    assert abs(wanted - other) > 1e-2


def test_evaluation_leaves_the_moving_average_alone():
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, centroids="moving_average")
    model.compile("sgd", crossentropy(), objectives=[term])
    model.evaluate(images, labels, verbose=0)
    assert not to_numpy(term.known).any()


def test_moving_average_is_measured_over_batches_that_are_named():
    images, labels = examples()
    batches = keras_lt.data.Batches((images, labels), batch_size=5)
    model = small_model()
    term = Robustness(
        COUNTS, centroids="moving_average", momentum=0.999, batches=batches
    )
    model.compile("sgd", crossentropy(), objectives=[term])
    term.set_centroids(CENTROIDS, np.ones(3))
    logs = model.fit(images, labels, verbose=0).history
    assert "robustness_nearest_medium" in logs
    np.testing.assert_allclose(to_numpy(term.centroids), CENTROIDS, atol=0.05)
    model.compile(
        "sgd",
        crossentropy(),
        objectives=[Robustness(COUNTS, centroids="moving_average")],
    )
    logs = model.fit(images, labels, verbose=0).history
    assert {name for name in logs if "robust" in name} == {
        "robustness_radius_min",
        "robustness_radius_mean",
        "robustness_radius_max",
    }


def test_moving_average_starts_from_batches_that_are_named():
    images, labels = examples()
    named = examples(seed=5, size=30)
    model = small_model()
    term = Robustness(
        COUNTS,
        centroids="moving_average",
        momentum=0.999,
        batches=keras_lt.data.Batches(named, batch_size=5),
    )
    rate = keras.optimizers.SGD(0.0)
    model.compile(rate, crossentropy(), objectives=[term])
    features = to_numpy(model(named[0])["features"])
    means = [features[named[1] == label].mean(axis=0) for label in range(3)]
    model.fit(images, labels, verbose=0)
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=0.01)


def test_chord_takes_means_of_unit_features():
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, distance="chord")
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    model.fit(images, labels, verbose=0)
    means = np.array([units[labels == c].mean(axis=0) for c in range(3)])
    np.testing.assert_allclose(to_numpy(term.centroids), means, atol=1e-5)
    added = total_loss(model, images, labels) - total_loss(
        model, images, labels, training=False
    )
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    wanted = reference(units, labels, means, term.current_radii())
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


@pytest.mark.parametrize("kind", ["moving_average", "batch"])
def test_chord_takes_means_of_unit_features_in_a_batch_too(kind):
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, distance="chord", centroids=kind)
    model.compile("sgd", crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.array([units[labels == c].mean(axis=0) for c in range(3)])
    plain = total_loss(model, images, labels, training=False)
    added = total_loss(model, images, labels) - plain
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    wanted = reference(units, labels, means, term.current_radii())
    np.testing.assert_allclose(added, wanted, rtol=1e-5)
