"""Stages that fit the classifier to features that are kept."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import samplers
from keras_lt import training
from keras_lt.layers import LearnableWeightScaling
from tests.checks import small_classifier
from tests.checks import small_data
from tests.checks import to_numpy
from tests.models import exit_models
from tests.models import small_models

CLASSES = small_models.CLASSES
COUNTS = small_models.COUNTS


def batches_of(examples, sampler=None, batch_size=6):
    sampler = sampler or samplers.ClassBalanced()
    return data.Batches(examples, batch_size, sampler, seed=1)


def values_of(variables):
    return [to_numpy(variable).copy() for variable in variables]


def same(variables, before):
    """Tells for each variable whether it is as it was."""
    return [
        np.array_equal(to_numpy(variable), old)
        for variable, old in zip(variables, before, strict=True)
    ]


class Start(keras.callbacks.Callback):
    """Keeps the weights of the classifiers from before the first step."""

    def on_train_begin(self, logs=None):
        heads = self.model.classifiers()
        self.weights = [values_of(head.weights) for head in heads]


def train(model, stage):
    return training.train(model, [stage], verbose=0)


def test_first_step_from_new_weights_is_that_of_plain_crossentropy():
    model = small_models.vector_model()
    old, _ = model.classifier.get_weights()
    model.class_weights.assign([9.0, 1.0, 1.0, 0.5])
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    batches = batches_of((x, np.arange(8) % CLASSES), batch_size=8)
    start = Start()
    stage = training.retrained_classifier(
        batches, epochs=1, learning_rate=0.5, callbacks=[start]
    )
    train(model, stage)
    (kernel, bias), (new_kernel, new_bias) = (
        start.weights[0],
        values_of(model.classifier.weights),
    )
    rows = batches.rows(0)
    features, labels = x[rows].astype("float64"), rows % CLASSES
    odds = small_models.softmax(features @ kernel + bias)
    gradient = (odds - np.eye(CLASSES)[labels]) / 8
    assert np.abs(kernel - old).max() > 0.1
    assert (bias == 0).all()
    expected = kernel - 0.5 * features.T @ gradient
    np.testing.assert_allclose(new_kernel, expected, 1e-4, 1e-6)
    np.testing.assert_allclose(new_bias, -0.5 * gradient.sum(0), 1e-4, 1e-6)
    assert to_numpy(model.class_weights).tolist() == [1.0] * CLASSES


MODELS = {
    "long_tail": lambda: small_models.small_model(projection_dim=7),
    "cosine": lambda: small_models.small_model(classifier="cosine"),
    "exits": lambda: exit_models.image_model(
        branch="block", projection_dim=7, trunk_gradient=0.3
    ),
}


@pytest.fixture(params=sorted(MODELS))
def model(request):
    return MODELS[request.param]()


def split(model):
    """Returns the variables of the classifiers, and all others."""
    heads = [v for head in model.classifiers() for v in head.weights]
    own = {id(v) for v in heads}
    names = ("hard_share", "class_weights")
    others = [
        v for v in model.weights if id(v) not in own and v.name not in names
    ]
    return heads, others


def test_classifiers_alone_are_new(model):
    heads, others = split(model)
    before, kept = values_of(heads), values_of(others)
    batches = batches_of(small_models.images())
    # So slow that what has changed must be new.
    stage = training.retrained_classifier(batches, 1, learning_rate=1e-9)
    train(model, stage)
    assert all(same(others, kept))  # The statistics of the batches, too.
    kernels = [v for v in heads if v.name == "kernel"]
    old = [value for value in before if value.ndim == 2]
    assert not any(same(kernels, old))
    assert {id(v) for v in model.trainable_variables} == {id(v) for v in heads}

    stage = training.retrained_classifier(batches, 1, learning_rate=0.1)
    before = values_of(heads)
    train(model, stage)
    assert all(same(others, kept))
    assert not any(same(heads, before))


def test_scales_of_every_exit_alone_are_trained(model):
    model = training.with_weight_scaling(model)
    heads, others = split(model)
    scales = [head.scales for head in model.classifiers()]
    chosen = {id(v) for v in scales}
    others += [v for v in heads if id(v) not in chosen]
    before, kept = values_of(scales), values_of(others)
    model.class_weights.assign([9.0, 1.0, 1.0, 0.5])
    stage = training.weight_scaling(batches_of(small_models.images()), 1)
    train(model, stage)
    assert {id(v) for v in model.trainable_variables} == chosen
    assert all(same(others, kept))
    assert not any(same(scales, before))
    assert to_numpy(model.class_weights).tolist() == [1.0] * CLASSES


def head_of(name):
    return keras.layers.Dense(3, name=name)


def test_other_models_by_the_name_of_their_classifier():
    model = small_classifier(3, head_of("own"))
    hidden, head = model.layers[1:]
    kept, before = values_of(hidden.weights), values_of(head.weights)
    stage = training.retrained_classifier(
        batches_of(small_data(3)), 1, classifier="own", metrics=["accuracy"]
    )
    rows = train(model, stage)
    assert all(same(hidden.weights, kept))
    assert not any(same(head.weights, before))
    assert "accuracy" in rows[0]

    scaled = training.with_weight_scaling(model, "own")
    stage = training.weight_scaling(batches_of(small_data(3)), 1)
    train(scaled, stage)
    head = scaled.layers[-1]
    assert isinstance(head, LearnableWeightScaling)
    assert [v.name for v in scaled.trainable_variables] == ["scales"]
    assert np.abs(to_numpy(head.scales) - 1).max() > 1e-4


@pytest.mark.parametrize(
    ("make", "epochs"),
    [(training.retrained_classifier, 10), (training.weight_scaling, 5)],
)
def test_defaults_are_those_of_the_paper(make, epochs):
    stage = make(batches_of(small_data(3)), validation="held out")
    assert stage.epochs == epochs
    assert isinstance(stage.loss, keras.losses.SparseCategoricalCrossentropy)
    assert stage.loss.from_logits
    assert stage.optimizer.momentum == 0.9
    assert stage.validation == "held out"
    rates = stage.callbacks[0].schedule
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(epochs) / epochs))
    np.testing.assert_allclose([rates(e) for e in range(epochs)], expected)


def test_options_are_those_of_a_stage():
    own = keras.callbacks.Callback()
    stage = training.retrained_classifier(
        batches_of(small_data(3)),
        name="second",
        optimizer=keras.optimizers.Adam(0.3),
        callbacks=[own],
        compile_options={"jit_compile": False},
    )
    assert stage.name == "second"
    assert isinstance(stage.optimizer, keras.optimizers.Adam)
    assert stage.callbacks[-1] is own and len(stage.callbacks) == 3
    assert stage.compile_options == {"jit_compile": False}


def test_objectives_and_weights_of_the_stage_before_are_left_out():
    model = small_models.vector_model()
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(8, 3)).astype("float32"), np.arange(8) % CLASSES
    first = training.Stage(
        name="first",
        epochs=1,
        batches=batches_of(examples, samplers.InstanceBalanced()),
        loss=losses.BalancedSoftmax(COUNTS),
        optimizer="sgd",
        objectives=[small_models.MeanFeature()],
        callbacks=[callbacks.DeferredReweighting(COUNTS, 0)],
    )
    second = training.retrained_classifier(batches_of(examples), epochs=1)
    training.train(model, [first, second], verbose=0)
    assert model.objectives == []
    assert to_numpy(model.class_weights).tolist() == [1.0] * CLASSES


@pytest.mark.parametrize("make", ["retrained_classifier", "weight_scaling"])
@pytest.mark.parametrize(
    "loss", [losses.BalancedSoftmax, losses.LogitAdjusted, losses.ClassBalanced]
)
@pytest.mark.parametrize(
    "sampler", [samplers.ClassBalanced(), samplers.ClassAware(2)], ids=repr
)
def test_balancing_twice_is_refused(make, loss, sampler):
    batches = batches_of(small_data(4), sampler)
    match = rf"Received: batches with Class.*and the loss {loss.__name__}"
    with pytest.raises(ValueError, match=match):
        getattr(training, make)(batches, loss=loss(COUNTS))


def test_balancing_by_the_loss_is_taken():
    batches = batches_of(small_data(4), samplers.InstanceBalanced())
    loss = losses.BalancedSoftmax(COUNTS)
    assert training.retrained_classifier(batches, loss=loss).loss is loss
    loss = losses.Focal()
    batches = batches_of(small_data(4))
    assert training.retrained_classifier(batches, loss=loss).loss is loss


def test_scales_must_be_there_to_be_trained():
    model = small_models.vector_model()
    batches = batches_of((np.eye(4, 3, dtype="float32"), np.arange(4)))
    with pytest.raises(ValueError, match=r"training.with_weight_scaling\(mod"):
        train(model, training.weight_scaling(batches, 1))
    scaled = training.with_weight_scaling(model)
    with pytest.raises(ValueError, match="Use the model from before"):
        train(scaled, training.retrained_classifier(batches, 1))


def plain_model(*names, last=None):
    layers = [keras.layers.Dense(4, activation="relu", name=names[0])]
    layers += [keras.layers.Dense(4, activation=last, name=names[1])]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def vectors():
    return batches_of((np.eye(4, 3, dtype="float32"), np.arange(4)))


@pytest.mark.parametrize(
    ("names", "classifier"),
    [
        (("classifier_hidden", "classifier"), "classifier"),
        (("dense_1", "dense"), "dense"),
        (("hidden", "out_4"), "out"),
    ],
)
def test_classifier_of_another_model_is_one_layer(vectors, names, classifier):
    model = plain_model(*names)
    before = values_of(model.weights)
    stage = training.retrained_classifier(
        vectors, 1, classifier=classifier, max_norm=9.0
    )
    train(model, stage)
    assert same(model.weights, before) == [True, True, False, False]
    kernel = before[2].astype("float64")
    (limit,) = training.norm_limits(plain_model(*names), 1.0, classifier)
    assert limit != pytest.approx(np.linalg.norm(kernel, axis=0).max())


def test_classifier_that_is_not_found_is_said_to_be_one(vectors):
    model = plain_model("hidden", "out")
    before = values_of(model.weights)
    match = "^`classifier` must.*='classifier', which fits none of 2 layers"
    first = training.Stage(
        name="first",
        epochs=1,
        batches=vectors,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer="sgd",
    )
    with pytest.raises(ValueError, match=match):
        stages = [first, training.retrained_classifier(vectors, 1)]
        training.train(model, stages, verbose=0)
    assert all(same(model.weights, before))


def test_probabilities_are_no_logits(vectors):
    model = plain_model("hidden", "classifier", last="softmax")
    before = values_of(model.weights)
    with pytest.raises(ValueError, match="with 'classifier', a softmax. Make"):
        train(model, training.retrained_classifier(vectors, 1))
    assert all(same(model.weights, before))
    logits = plain_model("hidden", "classifier")
    outputs = keras.layers.Softmax(name="end")(logits.outputs[0])
    with pytest.raises(ValueError, match="ends with 'end', a softmax"):
        train(
            keras.Model(logits.inputs, outputs),
            training.retrained_classifier(vectors, 1),
        )
    with pytest.raises(ValueError, match="'classifier', a softmax"):
        train(
            model,
            training.retrained_classifier(vectors, 1, loss=losses.Focal()),
        )
    name = "sparse_categorical_crossentropy"
    for loss in (name, keras.losses.SparseCategoricalCrossentropy()):
        before = values_of(model.weights)
        train(model, training.retrained_classifier(vectors, 1, loss=loss))
        assert same(model.weights, before) == [True, True, False, False]


class PowerCut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def test_goes_on_in_the_middle_of_the_stage(tmp_path):
    examples = small_models.images()

    def run(folder, *own):
        keras.utils.set_random_seed(4)
        model = training.with_weight_scaling(small_models.small_model())
        stage = training.weight_scaling(batches_of(examples), 2, callbacks=own)
        training.train(model, [stage], folder=folder, verbose=0)
        return values_of(model.weights)

    with pytest.raises(InterruptedError):
        run(tmp_path / "cut", PowerCut())
    resumed, whole = run(tmp_path / "cut"), run(tmp_path / "whole")
    for one, two in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(one, two)
