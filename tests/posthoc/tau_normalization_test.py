"""tau-normalisation against its equation in double precision."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import models
from keras_lt import posthoc
from tests.checks import small_classifier
from tests.checks import to_numpy
from tests.models import exit_models
from tests.models import small_models
from tests.posthoc.changed_copies import check_separate
from tests.posthoc.changed_copies import check_unchanged
from tests.posthoc.changed_copies import trained
from tests.posthoc.changed_copies import values_of

CLASSES = small_models.CLASSES
TAUS = pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5])


def expected_logits(features, layer, tau, keep_bias):
    kernel = to_numpy(layer.kernel).astype("float64")
    columns = []
    for column in kernel.T:
        length = sum(value**2 for value in column) ** 0.5
        columns.append(features @ (column / length**tau))
    logits = np.stack(columns, axis=-1)
    return logits + to_numpy(layer.bias) if keep_bias else logits


@TAUS
@pytest.mark.parametrize("keep_bias", [False, True])
def test_long_tail_model(tau, keep_bias):
    model = trained(small_models.small_model(projection_dim=7))
    images, _ = small_models.images()
    before = values_of(model)
    features = to_numpy(model(images)["features"]).astype("float64")
    expected = expected_logits(features, model.classifier, tau, keep_bias)
    copy = posthoc.tau_normalized(model, tau, keep_bias=keep_bias)
    logits = to_numpy(copy(images)["logits"])
    np.testing.assert_allclose(logits, expected, 1e-4, 1e-5)
    assert type(copy) is type(model)
    check_unchanged(model, before)
    check_separate(model, copy)


@TAUS
def test_every_exit(tau):
    model = trained(exit_models.image_model())
    model.threshold = [0.3, 0.8]
    images, _ = small_models.images()
    before = values_of(model)
    copy = posthoc.tau_normalized(model, tau)
    found = to_numpy(copy(images)["exits"])
    x = images
    for k, stage in enumerate(model.stages):
        x = stage(x)
        features = to_numpy(model.branches[k].features(x)).astype("float64")
        classifier = model.branches[k].classifier
        expected = expected_logits(features, classifier, tau, False)
        np.testing.assert_allclose(found[:, k], expected, 1e-4, 1e-5)
    assert copy.threshold == model.threshold
    check_unchanged(model, before)
    check_separate(model, copy)


def nested(head):
    body = keras.Sequential(
        [layers.Dense(8, name="body"), layers.BatchNormalization()]
    )
    inputs = keras.Input((4,))
    end = keras.Sequential([layers.Dropout(0.5), head], name="head")
    return keras.Model(inputs, end(body(inputs)))


def not_last_in_the_list(head):
    """The classifier was the first of the layers that were made."""
    inputs = keras.Input((4,))
    logits = head(inputs)
    layers.Dense(3)(logits)
    return keras.Model(inputs, logits)


def sequential(head):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), head]
    )


def functional(head):
    return small_classifier(CLASSES, head)


@pytest.mark.parametrize(
    "make", [functional, sequential, nested, not_last_in_the_list]
)
def test_plain_model(make):
    head = layers.Dense(CLASSES, name="own")
    model = trained(make(head))
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    # The logits are linear in the weights, so that each class is scaled.
    head.bias.assign(np.zeros(CLASSES))
    lengths = np.linalg.norm(to_numpy(head.kernel), axis=0)
    expected = to_numpy(model(x)) / lengths**0.7
    head.bias.assign(np.arange(CLASSES))
    before = values_of(model)
    copy = posthoc.tau_normalized(model)
    np.testing.assert_allclose(to_numpy(copy(x)), expected, 1e-4)
    check_unchanged(model, before)
    check_separate(model, copy)


def test_as_functional():
    model = trained(exit_models.dense_model())
    x, _ = exit_models.vectors()
    plain = posthoc.tau_normalized(model.as_functional(), 0.5)
    whole = posthoc.tau_normalized(model, 0.5)
    expected = to_numpy(whole(x)["exits"])[:, -1]
    np.testing.assert_allclose(to_numpy(plain(x)), expected, 1e-5)


def test_after_training_with_an_objective():
    model = small_models.small_model()
    model.compile(
        "sgd",
        loss=small_models.SPARSE(from_logits=True),
        objectives=[small_models.MeanFeature()],
    )
    images, labels = small_models.images()
    model.fit(images, labels, verbose=0)
    copy = posthoc.tau_normalized(model, 0.0, keep_bias=True)
    np.testing.assert_allclose(
        copy.predict(images, verbose=0),
        model.predict(images, verbose=0),
        1e-5,
        1e-6,
    )
    assert copy.objectives == []
    assert not copy.compiled


def test_copy_is_trained_apart():
    """On JAX a step frees the memory of the weights it was given."""
    model = small_models.vector_model()
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    copy = posthoc.tau_normalized(model)
    copy.compile("sgd", loss=small_models.SPARSE(from_logits=True))
    before = values_of(model)
    copy.fit(x, np.arange(8) % CLASSES, verbose=0)
    check_unchanged(model, before)


def test_frozen_parts_are_copied():
    model = trained(small_models.small_model())
    model.backbone.get_layer("norm").trainable = False
    model.classifier.trainable = False
    images, _ = small_models.images()
    copy = posthoc.tau_normalized(model, 0.0, keep_bias=True)
    found, expected = (to_numpy(m(images)["logits"]) for m in (copy, model))
    np.testing.assert_allclose(found, expected, 1e-5)


def test_without_bias_and_in_half_precision():
    inputs = keras.Input((4,))
    head = layers.Dense(CLASSES, use_bias=False, dtype="bfloat16")
    model = trained(keras.Model(inputs, head(inputs)))
    copy = posthoc.tau_normalized(model, 1.0)
    kernel = to_numpy(copy.layers[-1].kernel).astype("float32")
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, 0.01)


def test_class_with_weights_of_length_zero():
    model = trained(functional(layers.Dense(CLASSES, name="own")))
    kernel = to_numpy(model.get_layer("own").kernel).copy()
    kernel[:, 2] = 0
    model.get_layer("own").kernel.assign(kernel)
    for tau in (0.5, 1.0, 2.0):
        copy = posthoc.tau_normalized(model, tau)
        found = to_numpy(copy.get_layer("own").kernel)
        np.testing.assert_array_equal(found[:, 2], 0)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("tau", [-0.1, np.nan, np.inf])
def test_tau_out_of_range(tau):
    with pytest.raises(ValueError, match="`tau` must be .* 0 or greater"):
        posthoc.tau_normalized(small_models.vector_model(), tau)


def test_cosine_classifiers_are_refused():
    model = small_models.vector_model(classifier="cosine")
    message = "CosineClassifier 'classifier'.*unit length already"
    with pytest.raises(ValueError, match=message):
        posthoc.tau_normalized(model)
    with pytest.raises(ValueError, match=message):
        posthoc.tau_normalized(exit_models.dense_model(classifier="cosine"))
    with pytest.raises(ValueError, match=message):
        posthoc.tau_normalized(model.as_functional())


def test_models_without_logits_are_refused():
    softmax = layers.Dense(CLASSES, activation="softmax", name="own")
    with pytest.raises(ValueError, match="'own' with activation='softmax'"):
        posthoc.tau_normalized(functional(softmax))
    with pytest.raises(ValueError, match="Received: Softmax 'end'"):
        posthoc.tau_normalized(functional(layers.Softmax(name="end")))
    with pytest.raises(ValueError, match="Received: ReLU 'stage_2'"):
        posthoc.tau_normalized(small_models.small_backbone())
    inputs = keras.Input((4,))
    logits = [layers.Dense(2)(inputs), layers.Dense(3)(inputs)]
    with pytest.raises(ValueError, match="2 outputs of 'two'"):
        posthoc.tau_normalized(keras.Model(inputs, logits, name="two"))


def test_models_without_a_graph_are_refused():
    class Own(keras.Model):
        pass

    for model in (Own(), keras.Sequential([layers.Dense(3)]), models):
        with pytest.raises(ValueError, match="last layer can be told"):
            posthoc.tau_normalized(model)


def test_weights_that_are_no_floats_are_refused():
    model = functional(layers.Dense(CLASSES, name="own"))
    model.get_layer("own").enable_lora(2)
    with pytest.raises(ValueError, match="'own', which is quantized or has"):
        posthoc.tau_normalized(model)


def test_weights_that_are_not_finite_are_refused():
    model = functional(layers.Dense(CLASSES, name="own"))
    model.get_layer("own").kernel.assign(np.full((8, CLASSES), np.nan))
    with pytest.raises(ValueError, match="weights of own` must be finite"):
        posthoc.tau_normalized(model)
