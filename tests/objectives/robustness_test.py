"""The objective around the equations: state, reduction, and what it joins."""

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import losses
from keras_lt.objectives import Robustness
from keras_lt.ops.robustness import robust_losses
from tests.checks import to_numpy
from tests.objectives.robust_models import CENTROIDS
from tests.objectives.robust_models import COUNTS
from tests.objectives.robust_models import SIZE
from tests.objectives.robust_models import crossentropy
from tests.objectives.robust_models import examples
from tests.objectives.robust_models import reference
from tests.objectives.robust_models import small_model
from tests.objectives.robust_models import total_loss


def with_and_without(objective, **kwargs):
    """Returns what the objective adds to the loss of a model, and the model."""
    images, labels = examples()
    model = small_model()
    model.compile("sgd", crossentropy())
    plain = total_loss(model, images, labels, **kwargs)
    model.compile("sgd", crossentropy(), objectives=[objective])
    model.objectives[0].set_centroids(CENTROIDS, np.ones(3))
    return total_loss(model, images, labels, **kwargs) - plain, model


@pytest.mark.parametrize("class_weights", [None, [1.0, 0.5, 4.0]])
def test_adds_the_mean_over_classes(class_weights):
    term = Robustness(COUNTS, class_weights=class_weights, weight=0.5)
    added, model = with_and_without(term)
    images, labels = examples()
    features = to_numpy(model(images)["features"])
    wanted = reference(
        features, labels, CENTROIDS, term.current_radii(), class_weights
    )
    np.testing.assert_allclose(added, 0.5 * wanted, rtol=1e-4)


def test_bound_distance_and_temperature_reach_the_equation():
    options = {
        "bound": "strict",
        "distance": "squared_euclidean",
        "temperature": 0.5,
    }
    term = Robustness(COUNTS, **options)
    added, model = with_and_without(term)
    images, labels = examples()
    values = robust_losses(
        model(images)["features"],
        labels,
        CENTROIDS[labels].astype("float32"),
        term.current_radii()[labels],
        **options,
    )
    means = [to_numpy(values)[labels == label].mean() for label in range(3)]
    np.testing.assert_allclose(added, np.mean(means), rtol=1e-4)


def test_an_example_of_weight_0_counts_nothing_of_its_own():
    weights = np.ones(SIZE, "float32")
    images, labels = examples()
    weights[labels == 2] = 0.0
    added, model = with_and_without(Robustness(COUNTS), sample_weight=weights)
    features = to_numpy(model(images)["features"])
    radii = Robustness(COUNTS).current_radii()
    wanted = reference(features, labels, CENTROIDS, radii, [1.0, 1.0, 0.0])
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


def test_a_class_without_a_centroid_counts_nothing():
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS)
    model.compile("sgd", crossentropy(), objectives=[term])
    plain = total_loss(model, images, labels, training=False)
    assert total_loss(model, images, labels) == pytest.approx(plain, 1e-5)
    term.set_centroids(CENTROIDS, np.array([1.0, 0.0, 1.0]))
    features = to_numpy(model(images)["features"])
    wanted = reference(
        features, labels, CENTROIDS, term.current_radii(), [1.0, 0.0, 1.0]
    )
    added = total_loss(model, images, labels) - plain
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


def test_one_step_of_training_is_that_of_the_equation():
    """So the same on every backend: the weights start from NumPy."""
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, weight=2.0, base_weight=0.0)
    model.compile(keras.optimizers.SGD(0.1), crossentropy(), objectives=[term])
    term.set_centroids(CENTROIDS, np.ones(3))
    kernel = to_numpy(model.backbone.layers[1].kernel).astype("float64")

    def loss(values):
        features = images.astype("float64") @ values + bias
        return 2 * reference(features, labels, CENTROIDS, term.current_radii())

    bias = to_numpy(model.backbone.layers[1].bias).astype("float64")
    slope = np.zeros_like(kernel)
    for place in np.ndindex(*kernel.shape):
        step = np.zeros_like(kernel)
        step[place] = 1e-6
        slope[place] = (loss(kernel + step) - loss(kernel - step)) / 2e-6
    model.train_on_batch(images, labels)
    after = to_numpy(model.backbone.layers[1].kernel)
    np.testing.assert_allclose(after, kernel - 0.1 * slope, atol=1e-4)


def test_several_layers_at_once_each_with_its_weight():
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(6, 3, name="early")(inputs)
    x = keras.layers.Conv2D(7, 3)(x)
    model = keras_lt.LongTailModel(
        keras.Model(inputs, x), num_classes=3, feature_layers=["early"]
    )
    early = Robustness(COUNTS, features="early", weight=0.25)
    last = Robustness(COUNTS, weight=3.0)
    assert (early.name, last.name) == ("robustness_early", "robustness")
    model.compile("sgd", crossentropy(), objectives=[early, last])
    rng = np.random.default_rng(0)
    images = rng.normal(size=(9, 8, 8, 2)).astype("float32")
    labels = np.arange(9) % 3
    logs = model.fit(images, labels, verbose=0).history
    assert {"robustness_nearest_few", "robustness_early_nearest_few"} <= set(
        logs
    )
    outputs = model(images)
    wanted = total_loss(model, images, labels, training=False)
    maps = to_numpy(outputs["features/early"]).mean(axis=(1, 2))
    for term, features in ((early, maps), (last, outputs["features"])):
        wanted += float(term.weight) * reference(
            to_numpy(features),
            labels,
            to_numpy(term.centroids),
            term.current_radii(),
        )
    np.testing.assert_allclose(
        total_loss(model, images, labels), wanted, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("loss", "classifier"),
    [
        (losses.LDAM(COUNTS), "cosine"),
        (losses.BalancedSoftmax(COUNTS), "linear"),
        (losses.LogitAdjusted(COUNTS), "linear"),
    ],
)
def test_is_added_to_the_losses_of_the_field(loss, classifier):
    images, labels = examples()
    model = small_model(classifier=classifier)
    term = Robustness(COUNTS)
    model.compile(keras.optimizers.SGD(0.05), loss, objectives=[term])
    history = model.fit(images, labels, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    features = to_numpy(model(images)["features"])
    added = total_loss(model, images, labels) - total_loss(
        model, images, labels, training=False
    )
    centroids = to_numpy(term.centroids)
    wanted = reference(features, labels, centroids, term.current_radii())
    np.testing.assert_allclose(added, wanted, rtol=1e-3)


def test_soft_labels_count_as_their_largest_class():
    images, labels = examples()
    soft = (0.7 * np.eye(3)[labels] + 0.1).astype("float32")
    model = small_model()
    term = Robustness(COUNTS)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, objectives=[term])
    model.fit(images, soft, verbose=0)
    added = total_loss(model, images, soft) - total_loss(
        model, images, soft, training=False
    )
    features = to_numpy(model(images)["features"])
    centroids = to_numpy(term.centroids)
    wanted = reference(features, labels, centroids, term.current_radii())
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


def test_works_with_thousands_of_classes_without_a_bank_of_features():
    size, dim = 8142, 2048
    term = Robustness(np.arange(1, size + 1), centroids="moving_average")
    term.build((None, dim))
    assert sum(np.prod(v.shape) for v in term.variables) < size * (dim + 4)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(64, dim)).astype("float32")
    labels = np.repeat(rng.choice(size, 16, replace=False), 4).astype("int32")
    values, weights = term(features, labels)
    means = features.reshape(16, 4, dim).mean(axis=1)
    centroids = dict(zip(labels[::4], means, strict=True))
    wanted = reference(features, labels, centroids, term.current_radii())
    loss = np.sum(to_numpy(values) * to_numpy(weights)) / 16
    np.testing.assert_allclose(loss, wanted, rtol=1e-3)
