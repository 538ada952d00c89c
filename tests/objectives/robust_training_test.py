"""The objective in the models and the stages that it is made for."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import models
from keras_lt import posthoc
from keras_lt import samplers
from keras_lt import training
from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.models.exit_models import dense_model
from tests.models.exit_models import image_backbone
from tests.models.exit_models import image_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors

COUNTS = [40, 12, 4, 2]


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def image_examples():
    """Returns images of each class as often as `COUNTS` says."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), COUNTS)
    images = (
        rng.normal(size=(len(labels), 6, 6, 3)) + labels[:, None, None, None]
    )
    return images.astype("float32"), labels.astype("int32")


def image_network():
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(8, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="last")(x)
    return models.LongTailModel(keras.Model(inputs, x), num_classes=4)


def values_of(layer):
    return [to_numpy(variable) for variable in layer.variables]


def assert_same(before, after):
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def assert_moved(before, after):
    for one, two in zip(before, after, strict=True):
        assert np.abs(one - two).max() > 0


def three_stages():
    """The three stages of the method, in the words of a user."""
    examples = image_examples()
    aware = data.Batches(examples, 16, sampler=samplers.ClassAware(4), seed=1)
    return [
        training.Stage(
            name="classification",
            epochs=1,
            batches=data.Batches(examples, 16, seed=0),
            loss=losses.BalancedSoftmax(COUNTS),
            optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        ),
        training.Stage(
            name="features",
            epochs=2,
            batches=aware,
            optimizer=keras.optimizers.SGD(0.005, momentum=0.9),
            objectives=[Robustness(COUNTS)],
            trainable="backbone",
        ),
        training.Stage(
            name="classifier",
            epochs=1,
            batches=aware,
            loss=crossentropy(),
            optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
            objectives=(),
            trainable="classifier",
            reset="classifier",  # cRT; leave it out to adapt the old one.
        ),
    ]


def test_each_stage_trains_what_it_should():
    model = image_network()
    stages = three_stages()
    training.train(model, stages[:1], verbose=0)
    conv, norm, classifier = map(
        values_of,
        (
            model.backbone.get_layer("conv"),
            model.backbone.get_layer("norm"),
            model.classifier,
        ),
    )
    features = stages[1]
    history = training.train(
        model,
        [
            training.Stage(
                **{
                    **vars(features),
                    "loss": losses.BalancedSoftmax(COUNTS),
                    "name": "features",
                }
            )
        ],
        verbose=0,
    )
    assert history[-1]["robustness_radius_mean"] == pytest.approx(0.5)
    new_conv = values_of(model.backbone.get_layer("conv"))
    new_norm = values_of(model.backbone.get_layer("norm"))
    assert_moved(conv, new_conv)
    assert_moved(norm, new_norm)  # Batch statistics too: it is in training.
    assert_same(classifier, values_of(model.classifier))
    training.train(model, stages[2:], verbose=0)
    assert_same(new_conv, values_of(model.backbone.get_layer("conv")))
    assert_same(new_norm, values_of(model.backbone.get_layer("norm")))
    assert_moved(classifier, values_of(model.classifier))
    assert model.objectives == []


def test_stages_in_one_call_then_normalised_weights():
    model = image_network()
    history = training.train(model, three_stages(), verbose=0)
    names = [row["stage"] for row in history]
    assert names == ["classification", "features", "features", "classifier"]
    with_centroids = ["robustness_nearest_few" in row for row in history]
    assert with_centroids == [False, True, True, False]
    kernel = to_numpy(model.classifier.kernel)
    even = posthoc.tau_normalized(model, tau=1.0)
    np.testing.assert_allclose(
        np.linalg.norm(to_numpy(even.classifier.kernel), axis=0),
        np.ones(4),
        rtol=1e-5,
    )
    np.testing.assert_array_equal(to_numpy(model.classifier.kernel), kernel)


def test_joint_form_weighs_both_losses_with_one_lambda():
    images, labels = image_examples()
    model = image_network()
    model.compile("sgd", crossentropy())
    outputs = model(images)
    plain = float(model.compute_loss(images, labels, outputs))
    term = Robustness(COUNTS, centroids="batch")
    model.compile("sgd", crossentropy(), objectives=[term])
    whole = float(model.compute_loss(images, labels, outputs))
    joint = Robustness(
        COUNTS, centroids="batch", weight=0.3, base_weight=0.7, name="joint"
    )
    model.compile("sgd", crossentropy(), objectives=[joint])
    np.testing.assert_allclose(
        float(model.compute_loss(images, labels, outputs)),
        0.7 * plain + 0.3 * (whole - plain),
        rtol=1e-5,
    )


def added_by(model, term, x, y):
    """Returns what a term adds to the training loss of a model with exits."""
    outputs = model(x)
    model.compile("sgd", crossentropy())
    plain = float(model.compute_loss(x, y, outputs))
    model.compile("sgd", crossentropy(), objectives=[term])
    return float(model.compute_loss(x, y, outputs)) - plain


def term_of_model(num_classes):
    return Robustness([9] * num_classes, centroids="batch")


def mean_of_classes(term, features, labels, weights):
    losses_of, of_class = term.call(features, labels)
    weights = to_numpy(of_class) * weights
    return np.sum(to_numpy(losses_of) * weights) / weights.sum()


@pytest.mark.parametrize("masked", [False, True])
def test_with_exits_all_count_unless_asked(masked):
    x, y = vectors(rows=12)
    model = seeded_weights(
        dense_model(training_threshold=[0.4, 0.4], mask_objectives=masked)
    )
    term = term_of_model(model.num_classes)
    outputs = model(x)
    hard = to_numpy(model.exit_loss.alive(y, outputs["exits"]))[:, -1]
    assert 0 < hard.sum() < len(hard)
    added = added_by(model, term, x, y)
    weights = hard if masked else np.ones(len(x))
    wanted = mean_of_classes(term, outputs["features"], y, weights)
    np.testing.assert_allclose(added, wanted, rtol=1e-4)


def test_model_with_exits_trains_and_logs():
    model = image_model(feature_layers=["two_conv"])
    terms = [
        Robustness([9] * model.num_classes),
        Robustness([9] * model.num_classes, features="two_conv", weight=0.1),
    ]
    model.compile(keras.optimizers.SGD(0.01), crossentropy(), objectives=terms)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 6, 6, 3)).astype("float32")
    y = np.arange(12) % model.num_classes
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert {"robustness_nearest_few", "robustness_two_conv_nearest_few"} <= set(
        history
    )
    assert np.isfinite(history["loss"]).all()
    features = to_numpy(model(x)["features"])
    found = model.feature_model().predict(x, verbose=0)
    np.testing.assert_allclose(found, features, atol=1e-5)


def test_feature_model_shares_weights_and_knows_its_layers():
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 3)).astype("float32")
    model = image_network()
    view = model.feature_model()
    for _ in range(2):
        np.testing.assert_allclose(
            view.predict(x, verbose=0),
            to_numpy(model(x)["features"]),
            atol=1e-5,
        )
        kernel = model.backbone.get_layer("conv").kernel
        kernel.assign(kernel + 0.1)
    with pytest.raises(ValueError, match=r"feature_layers=\['other'\]"):
        model.feature_model("other")


@pytest.mark.parametrize("exits", [None, ["one"]])
def test_feature_model_of_a_layer_does_no_work_above_it(exits):
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 3)).astype("float32")
    if exits is None:
        model = models.LongTailModel(
            image_backbone(), num_classes=4, feature_layers=["two_conv"]
        )
    else:
        model = image_model(exits, feature_layers=["two_conv"])
    view = model.feature_model("two_conv")
    np.testing.assert_allclose(
        view.predict(x, verbose=0),
        to_numpy(model(x)["features/two_conv"]),
        atol=1e-5,
    )
    layers = [layer.name for layer in view.layers[1:]]
    assert layers == ["one_conv", "one_bn", "one", "two_conv"]


def test_natural_frequencies_on_class_aware_batches():
    """Weights `n / max(n)` on balanced batches give the natural mean."""
    x, y = image_examples()
    model = image_network()
    model.compile("sgd", crossentropy())
    rows = np.concatenate([np.flatnonzero(y == c)[:2] for c in range(4)])
    frequencies = np.divide(COUNTS, max(COUNTS))
    schedule = callbacks.VariableSchedule(
        model.class_weights, lambda epoch: frequencies
    )
    schedule.set_model(model)
    schedule.on_train_begin()
    schedule.on_epoch_begin(0)
    logits = to_numpy(model(x[rows])["logits"]).astype("float64")
    negative = np.log(np.exp(logits).sum(1)) - logits[np.arange(8), y[rows]]
    by_class = negative.reshape(4, 2).mean(axis=1)
    loss = float(model.compute_loss(x[rows], y[rows], model(x[rows])))
    np.testing.assert_allclose(
        loss, np.average(by_class, weights=COUNTS), rtol=1e-4
    )
