"""The objective around the equations: state, reduction, and what it joins."""

import warnings

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import losses
from keras_lt.objectives import Robustness
from keras_lt.ops.robustness import robust_losses
from tests import robustness_reference
from tests.checks import check_serialization
from tests.checks import to_numpy

COUNTS = [60, 12, 3]
SIZE, DIM = 12, 5


def examples(seed=0, size=SIZE):
    """Returns images of 4 numbers, and unsorted labels of every class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(size) % 3)
    images = rng.normal(size=(size, 4)) + labels[:, None]
    return images.astype("float32"), labels.astype("int32")


def small_model(seed=0, **kwargs):
    """Returns a linear network with equal weights on every backend."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(DIM, name="hidden")(inputs)
    model = keras_lt.LongTailModel(
        keras.Model(inputs, hidden), num_classes=3, **kwargs
    )
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    return model


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def reference(features, labels, centroids, radii, class_weights=None):
    """The robust loss, from the paper's equation, in float64."""
    batch = robustness_reference.Batch(
        np.asarray(features, "float64"), labels, centroids, radii, class_weights
    )
    values = robustness_reference.losses(batch, "same_class")
    return robustness_reference.batch_loss(values, labels, class_weights)


def total_loss(model, images, labels, **kwargs):
    return float(model.compute_loss(images, labels, model(images), **kwargs))


def with_and_without(objective, **kwargs):
    """Returns what the objective adds to the loss of a model, and the model."""
    images, labels = examples()
    model = small_model()
    model.compile("sgd", crossentropy())
    plain = total_loss(model, images, labels, **kwargs)
    model.compile("sgd", crossentropy(), objectives=[objective])
    model.objectives[0].set_centroids(CENTROIDS, np.ones(3))
    return total_loss(model, images, labels, **kwargs) - plain, model


CENTROIDS = np.random.default_rng(7).normal(size=(3, DIM))


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


def test_validation_images_of_fit_move_no_centroid():
    images, labels = examples(size=20)
    model = small_model()
    term = Robustness(COUNTS)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features = to_numpy(model(images)["features"])[:15]
    model.fit(images, labels, validation_split=0.25, verbose=0)
    means = [features[labels[:15] == c].mean(axis=0) for c in range(3)]
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


def test_state_is_saved_and_restored(tmp_path):
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, radius="learned", mean_radius=0.7)
    model.compile("sgd", crossentropy(), objectives=[term])
    model.fit(images, labels, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    (restored,) = copy.objectives
    assert restored.get_config() == term.get_config()
    for name in ("centroids", "known"):
        np.testing.assert_array_equal(
            to_numpy(getattr(restored, name)), to_numpy(getattr(term, name))
        )
    np.testing.assert_array_equal(
        restored.current_radii(), term.current_radii()
    )
    np.testing.assert_allclose(
        total_loss(copy, images, labels),
        total_loss(model, images, labels),
        rtol=1e-6,
    )


@pytest.mark.parametrize("radius", ["sqrt_n", "learned"])
def test_a_file_brings_radii_that_were_trained_alone(tmp_path, radius):
    images, labels = examples()
    models = [small_model(seed) for seed in range(2)]
    terms = [Robustness(COUNTS, radius, mean_radius=r) for r in (0.5, 0.0)]
    for model, term in zip(models, terms, strict=True):
        model.compile("sgd", crossentropy(), objectives=[term])
    models[0].fit(images, labels, verbose=0)
    models[0].save_weights(tmp_path / "a.weights.h5")
    models[1].load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(terms[1].current_radii(), 0.0)
    trained = [to_numpy(term.radii.values) for term in terms]
    equal = np.array_equal(*trained)
    assert equal == (radius == "learned")
    np.testing.assert_array_equal(
        to_numpy(terms[1].centroids), to_numpy(terms[0].centroids)
    )


def test_weights_of_an_earlier_stage_load_with_one_warning(tmp_path):
    first = small_model(seed=1)
    first.compile("sgd", crossentropy())
    first.save_weights(tmp_path / "first.weights.h5")
    second = small_model(seed=2)
    second.compile("sgd", crossentropy(), objectives=[Robustness(COUNTS)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        second.load_weights(tmp_path / "first.weights.h5")
    own = [one for one in caught if "holds no state" in str(one.message)]
    assert len(own) == 1
    images, _ = examples()
    np.testing.assert_allclose(
        second.predict(images, verbose=0), first.predict(images, verbose=0)
    )


def test_config_round_trip():
    term = Robustness(
        np.array(COUNTS),
        radius=[0.1, 0.2, 0.3],
        mean_radius=0.25,
        bound="strict",
        distance="squared_euclidean",
        temperature=0.5,
        centroids="moving_average",
        momentum=0.5,
        class_weights=(1, 2, 3),
        radius_penalty=0.1,
        weight=0.5,
        base_weight=0.25,
        features="layer",
    )
    check_serialization(term)
    check_serialization(Robustness(COUNTS))


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


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("class_counts", [3, 0, 1], "at least 1 for every class"),
        ("bound", "tight", "`bound` must be one of 'same_class'"),
        ("distance", "cosine", "`distance` must be one of 'euclidean'"),
        ("centroids", "never", "`centroids` must be one of 'epoch'"),
        ("temperature", 0.0, "`temperature` must be a finite number greater"),
        ("momentum", 1.0, "`momentum` must be at least 0 and smaller than 1"),
        ("class_weights", [1.0], r"each of 3 classes.*shape \(1,\)"),
        ("class_weights", [0, 0, 0], "each of 3 classes"),
        ("class_weights", [1, float("nan"), 1], "each of 3 classes"),
    ],
)
def test_bad_arguments(argument, value, message):
    arguments = {"class_counts": COUNTS, argument: value}
    with pytest.raises(ValueError, match=message):
        Robustness(**arguments)


def test_batches_have_no_use_where_each_batch_has_its_own_centroids():
    images, labels = examples()
    batches = keras_lt.data.Batches((images, labels))
    with pytest.raises(ValueError, match="`batches` must be left out"):
        Robustness(COUNTS, centroids="batch", batches=batches)


def test_counts_of_other_classes_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="model has, 3.*for 4 classes"):
        model.compile(
            "sgd", crossentropy(), objectives=[Robustness([9, 9, 9, 9])]
        )


def test_data_that_can_be_read_once_are_refused():
    images, labels = examples()
    model = small_model()
    model.compile("sgd", crossentropy(), objectives=[Robustness(COUNTS)])
    with pytest.raises(ValueError, match="Pass `batches=`"):
        model.fit(iter([(images, labels)]), verbose=0)
