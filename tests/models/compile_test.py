"""What compile takes, and what the obvious way gets silently wrong."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.graph.layer_tree import all_layers
from keras_lt.models import LongTailModel
from keras_lt.models import data_checks
from keras_lt.objectives import Objective
from tests.checks import EAGER
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import SPARSE
from tests.models.small_models import MeanFeature
from tests.models.small_models import images
from tests.models.small_models import small_model
from tests.models.small_models import softmax


def test_evaluation_leaves_weights_and_objectives_out():
    x, y = images()
    model = small_model()
    model.class_weights.assign([0.1, 5.0, 1.0, 1.0])
    model.compile(
        "sgd", SPARSE(from_logits=True), objectives=[MeanFeature(weight=9.0)]
    )
    logits = to_numpy(model(x)["logits"]).astype("float64")
    expected = -np.log(softmax(logits)[np.arange(len(y)), y]).mean()
    found = model.evaluate(x, y, batch_size=5, verbose=0)
    np.testing.assert_allclose(found, expected, 1e-4)
    assert float(model.objectives[0].calls) == 0


def test_evaluation_weighs_the_examples():
    x, y = images()
    weights = np.linspace(0.5, 2.0, len(y)).astype("float32")
    model = small_model()
    logits = to_numpy(model(x)["logits"]).astype("float64")
    right = np.arange(len(y)) >= 6  # The second half, of larger weights.
    y = np.where(right, logits.argmax(-1), logits.argmin(-1))
    model.compile(
        "sgd", SPARSE(from_logits=True), weighted_metrics=["accuracy"]
    )
    plain = model.as_functional()
    plain.compile(
        "sgd", SPARSE(from_logits=True), weighted_metrics=["accuracy"]
    )
    values = -np.log(softmax(logits)[np.arange(len(y)), y])
    expected = {
        "loss": np.mean(values * weights),
        "accuracy": np.average(right, weights=weights),
    }
    # As in Keras, whatever the batches are.
    for one in (model, plain):
        found = one.evaluate(
            x, y, 5, 0, sample_weight=weights, return_dict=True
        )
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, 1e-4)


def test_arguments_by_position():
    x, y = images()
    model = small_model()
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    of_classes = {0: 0.5, 1: 2.0, 2: 1.0, 3: 3.0}
    weights = np.array([of_classes[one] for one in y], "float32")
    np.testing.assert_allclose(
        model.train_on_batch(x, y, None, of_classes),
        model.train_on_batch(x, y, weights),
        1e-5,
    )
    np.testing.assert_allclose(
        model.evaluate(x, y, 4, 0), model.evaluate(x, y, verbose=0), 1e-5
    )


def test_data_are_checked_once(monkeypatch):
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    seen = []
    monkeypatch.setattr(
        data_checks, "check_finite", lambda _, values: seen.append(len(values))
    )
    held_out = [x[:4], y[:4]]
    model.fit(x, y, epochs=3, validation_data=held_out, verbose=0)
    assert seen == [12, 4]


def test_objectives_are_added_and_scale_the_base_loss():
    x, y = images()
    model = small_model()
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        objectives=[
            MeanFeature(weight=0.5, base_weight=0.6, name="one"),
            MeanFeature(weight=2.0, base_weight=0.5, name="two"),
        ],
    )
    outputs = model(x, training=True)
    logits = to_numpy(outputs["logits"]).astype("float64")
    base = -np.log(softmax(logits)[np.arange(len(y)), y]).mean()
    features = to_numpy(outputs["features"])
    terms = [
        ((features - to_numpy(one.centre)) ** 2).mean()
        for one in model.objectives
    ]
    expected = 0.3 * base + 0.5 * terms[0] + 2.0 * terms[1]
    found = model.compute_loss(x, y, outputs, training=True)
    np.testing.assert_allclose(float(found), expected, 1e-4)


def test_term_is_weighed_by_examples_but_not_by_classes():
    x, y = images()
    weights = np.linspace(0.5, 2.0, len(y)).astype("float32")
    class_weights = np.array([0.1, 5.0, 1.0, 1.0])
    model = small_model()
    model.class_weights.assign(class_weights)
    objective = MeanFeature(weight=2.0)
    model.compile("sgd", SPARSE(from_logits=True), objectives=[objective])
    outputs = model(x)
    logits = to_numpy(outputs["logits"]).astype("float64")
    values = -np.log(softmax(logits)[np.arange(len(y)), y])
    base = np.average(values, weights=class_weights[y] * weights)
    features = to_numpy(outputs["features"])
    terms = ((features - to_numpy(objective.centre)) ** 2).mean(-1)
    expected = base + 2.0 * np.average(terms, weights=weights)
    found = model.compute_loss(x, y, outputs, sample_weight=weights)
    np.testing.assert_allclose(float(found), expected, 1e-4)


def test_objective_reads_the_layer_that_it_names():
    x, y = images()
    model = small_model(feature_layers=["stage_1"])
    loss = SPARSE(from_logits=True)
    model.compile("sgd", loss)
    outputs = model(x)
    plain = float(model.compute_loss(x, y, outputs))
    objective = MeanFeature(features="stage_1")
    model.compile("sgd", loss, objectives=[objective])
    assert tuple(objective.centre.shape) == (4, 4, 5)
    maps = to_numpy(outputs["features/stage_1"])
    term = ((maps - to_numpy(objective.centre)) ** 2).mean()
    found = model.compute_loss(x, y, outputs)
    np.testing.assert_allclose(float(found), plain + term, 1e-4)


def test_factor_of_an_objective_may_change_while_training():
    x, y = images()
    model = small_model()
    objective = MeanFeature(weight=0.0)
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        objectives=[objective],
    )

    def change(epoch, logs):
        objective.weight.assign(float(epoch))

    history = model.fit(
        x,
        y,
        epochs=3,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=change)],
    )
    steps = np.diff(history.history["loss"])
    assert (steps > 1e-3).all()
    np.testing.assert_allclose(steps[0], steps[1], 1e-2)


def test_objective_state_is_updated_and_saved(tmp_path):
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert float(model.objectives[0].calls) == 6
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.objectives[0].calls) == 6
    np.testing.assert_allclose(
        to_numpy(loaded.objectives[0].centre),
        to_numpy(model.objectives[0].centre),
    )


def test_recompiling_drops_objectives():
    x, y = images()
    model = small_model()
    loss = SPARSE(from_logits=True)
    plain = len(model.weights)
    first = MeanFeature(name="first")
    model.compile("adam", loss, objectives=[first])
    model.fit(x, y, verbose=0)
    assert len(model.weights) == plain + 4
    for _ in range(3):
        model.compile(
            keras.optimizers.AdamW(0.1, weight_decay=0.5),
            loss,
            objectives=[MeanFeature(), MeanFeature(name="b")],
        )
        model.fit(x, y, verbose=0)
    assert len(model.weights) == plain + 8
    centre = to_numpy(first.centre)
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5), loss)
    model.fit(x, y, verbose=0)
    assert len(model.weights) == plain
    assert not any(one is first.centre for one in model.variables)
    np.testing.assert_array_equal(to_numpy(first.centre), centre)


class Watched(Objective):
    """Has a metric of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.size = keras.metrics.Mean(name="size")

    def call(self, features, labels, **others):
        values = ops.sum(features**2, axis=-1)
        self.size.update_state(values)
        return values


def test_metric_of_an_objective_counts_once():
    x, y = images()
    model = small_model()
    # Without a step, each epoch measures the same.
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        objectives=[Watched(weight=0.0)],
        **EAGER,
    )
    assert len({id(one) for one in model.metrics}) == len(model.metrics)
    history = model.fit(x, y, batch_size=12, epochs=2, verbose=0).history
    features = to_numpy(model(x, training=True)["features"])
    expected = (features**2).sum(axis=-1).mean()
    np.testing.assert_allclose(history["size"], [expected] * 2, 1e-4)


def test_metrics_of_an_earlier_compile_are_gone():
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    model.compile("sgd", SPARSE(from_logits=True))
    assert set(model.fit(x, y, verbose=0).history) == {"loss"}


def test_checkpoint_of_a_stage_without_the_objective_loads(tmp_path):
    x, y = images()
    first = small_model()
    first.compile("sgd", SPARSE(from_logits=True))
    first.fit(x, y, verbose=0)
    first.save_weights(tmp_path / "first.weights.h5")
    second = small_model()
    second.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    with pytest.warns(UserWarning, match="no state of the objective") as seen:
        second.load_weights(tmp_path / "first.weights.h5")
    assert len([one for one in seen if "objective" in str(one.message)]) == 1
    np.testing.assert_allclose(
        to_numpy(second(x)["logits"]), to_numpy(first(x)["logits"]), 1e-6
    )


def test_regularizers_count_in_training_and_evaluation():
    x, y = images()
    model = small_model(weight_decay=0.2)
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    trainable = [to_numpy(one) for one in model.trainable_variables]
    penalty = 0.1 * sum((one.astype("float64") ** 2).sum() for one in trainable)
    bare = small_model()
    bare.set_weights(model.get_weights())
    bare.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    difference = model.evaluate(x, y, verbose=0) - bare.evaluate(
        x, y, verbose=0
    )
    np.testing.assert_allclose(difference, penalty, 1e-3)
    difference = model.train_on_batch(x, y) - bare.train_on_batch(x, y)
    np.testing.assert_allclose(difference, penalty, 1e-3)


def test_evaluate_is_traced_once():
    traces = []

    @keras.saving.register_keras_serializable(package="keras_lt_tests")
    class Traced(keras.losses.Loss):
        def call(self, y_true, y_pred):
            traces.append(1)
            return ops.mean(y_pred, axis=-1)

    x, y = images(8)
    model = small_model()
    model.compile("sgd", Traced())
    for _ in range(4):
        model.evaluate(x, y, batch_size=4, verbose=0)
    # Torch does not trace: it calls the loss at each of the 2 steps.
    assert len(traces) <= (8 if keras.config.backend() == "torch" else 2)


@pytest.mark.parametrize(
    "call",
    ["train_on_batch", "test_on_batch", "predict_on_batch"]
    + ["fit", "evaluate", "predict"],
)
def test_network_is_traced_once(call):
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, inputs):
            traces.append(1)
            return inputs

    x, y = images(8)
    inputs = keras.Input(x.shape[1:])
    model = LongTailModel(keras.Model(inputs, Traced()(inputs)), CLASSES)
    model.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    assert all(layer.built for layer in all_layers(model))
    data = (x,) if "predict" in call else (x, y)
    options = {} if call.endswith("batch") else {"verbose": 0}
    getattr(model, call)(*data, **options)
    traces.clear()
    getattr(model, call)(*data, **options)
    # Torch does not trace: it calls the network once for the one batch.
    assert len(traces) == (1 if keras.config.backend() == "torch" else 0)


def test_objectives_that_do_not_fit():
    model = small_model()
    loss = SPARSE(from_logits=True)
    with pytest.raises(ValueError, match="features='stage_2'"):
        model.compile("sgd", loss, objectives=[MeanFeature(features="stage_2")])
    with pytest.raises(ValueError, match="a name of its own"):
        model.compile(
            "sgd",
            loss,
            objectives=[MeanFeature(name="a"), MeanFeature(name="a")],
        )


class Plain(keras.losses.Loss):
    """Computes with labels as it gets them, as those of Keras may."""

    def call(self, y_true, y_pred):
        return -ops.sum(y_true * ops.log_softmax(y_pred), axis=-1)


def test_loss_gets_tensors():
    x, y = images()
    model = small_model()
    model.compile(keras.optimizers.SGD(0.0), Plain(), **EAGER)
    expected = -np.log(softmax(to_numpy(model(x, training=True)["logits"])))
    found = model.train_on_batch(x, np.eye(CLASSES, dtype="float32")[y])
    picked = expected[np.arange(len(y)), y].mean()
    assert float(np.ravel(found)[0]) == pytest.approx(picked, rel=1e-4)


@pytest.mark.parametrize(
    "wrap", [lambda one: one, keras.optimizers.LossScaleOptimizer]
)
def test_file_names_no_optimizer_of_one_backend(wrap):
    """Keras has some for torch, which others cannot use."""
    model = small_model()
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizer = wrap(keras.optimizers.SGD(schedule, momentum=0.9))
    model.compile(optimizer, SPARSE(from_logits=True))
    config = model.get_compile_config()
    assert "src.backend" not in json.dumps(config)
    model.compile_from_config(config)
    assert type(model.optimizer) is type(optimizer)
    assert model.optimizer.get_config() == optimizer.get_config()
