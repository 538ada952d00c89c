"""What every objective brings."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_lt
from keras_lt.models import LongTailModel
from keras_lt.objectives import Objective


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class Counting(Objective):
    """A term of a constant, whose callback counts the epochs."""

    def __init__(self, value=1.0, **kwargs):
        super().__init__(**kwargs)
        self.value = value
        self.epochs = 0

    def call(self, features, labels, **others):
        return ops.convert_to_tensor(self.value, "float32")

    def callbacks(self, x=None, y=None):
        def count(epoch, logs):
            self.epochs += 1

        return [keras.callbacks.LambdaCallback(on_epoch_begin=count)]

    def get_config(self):
        return {**super().get_config(), "value": self.value}


def model_and_data(dim=4):
    inputs = keras.Input((3,))
    backbone = keras.Model(inputs, keras.layers.Dense(dim)(inputs))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3)).astype("float32")
    return LongTailModel(backbone, 2), x, np.array([0, 1] * 3)


def test_fit_attaches_the_callbacks_of_objectives():
    model, x, y = model_and_data()
    objective = Counting()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, objectives=[objective])
    own = keras.callbacks.LambdaCallback()
    model.fit(x, y, epochs=2, verbose=0, callbacks=[own])
    model.fit(x, y, epochs=1, verbose=0, callbacks=own)
    model.fit(x, y, epochs=1, verbose=0)
    assert objective.epochs == 4


def test_scalar_term_is_added_once():
    model, x, y = model_and_data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    outputs = model(x)
    plain = float(model.compute_loss(x, y, outputs))
    model.compile("sgd", loss, objectives=[Counting(3.0, weight=0.5)])
    np.testing.assert_allclose(
        float(model.compute_loss(x, y, outputs)), plain + 1.5, 1e-5
    )


def test_term_gets_class_ids_and_all_that_the_model_has():
    seen = {}

    class Reads(Objective):
        def call(self, features, labels, **others):
            seen.update(others, labels=labels)
            return ops.zeros(())

    model, x, y = model_and_data()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, objectives=[Reads()])
    soft = 0.7 * np.eye(2, dtype="float32")[y] + 0.15
    labels = {"label": soft, "row": np.arange(6)}
    model.compute_loss(x, labels, model(x))
    assert keras.backend.standardize_dtype(seen["labels"].dtype) == "int32"
    np.testing.assert_array_equal(ops.convert_to_numpy(seen["labels"]), y)
    np.testing.assert_array_equal(ops.convert_to_numpy(seen["x"]), x)
    rows = ops.convert_to_numpy(seen["y"]["row"])
    np.testing.assert_array_equal(rows, np.arange(6))
    assert set(seen["outputs"]) == {"features", "logits"}


class Normalizing(Objective):
    """A head of its own, as contrastive terms have."""

    def build(self, shape):
        self.layer = keras.layers.BatchNormalization(momentum=0.0)
        self.layer.build(shape)
        self.built = True

    def call(self, features, labels, **others):
        return ops.mean(ops.square(self.layer(features)), axis=-1)


def test_layers_of_a_term_are_in_training():
    model, x, y = model_and_data()
    features = model(x)["features"]
    expected = ops.convert_to_numpy(features).mean(0)
    term = Normalizing()
    model.compile(
        keras.optimizers.SGD(0.0),
        keras_lt.losses.BalancedSoftmax([3, 3]),
        objectives=[term],
    )
    for call in (model.train_on_batch, model.test_on_batch):
        call(x, y)
        found = ops.convert_to_numpy(term.layer.moving_mean)
        np.testing.assert_allclose(found, expected, 1e-4, 1e-6)


def test_a_model_with_other_features_needs_another_term():
    objective = Counting()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(2):
        model_and_data()[0].compile("sgd", loss, objectives=[objective])
    wider = model_and_data(dim=7)[0]
    with pytest.raises(ValueError, match="made anew.* with 4 features .* 7"):
        wider.compile("sgd", loss, objectives=[objective])


def test_factors_are_not_trained():
    assert not Counting().trainable_variables


def test_a_file_does_not_change_the_factors(tmp_path):
    """They are settings, which a file of another run knows nothing of."""
    saved, x, _ = model_and_data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    saved.compile("sgd", loss, objectives=[Counting()])
    saved.save_weights(tmp_path / "a.weights.h5")
    model, _, _ = model_and_data()
    objective = Counting(weight=0.25, base_weight=0.5)
    model.compile("sgd", loss, objectives=[objective])
    model.load_weights(tmp_path / "a.weights.h5")
    assert float(objective.weight) == 0.25
    assert float(objective.base_weight) == 0.5
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), saved.predict(x, verbose=0)
    )


def test_is_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        objective = Counting()
    finally:
        keras.config.set_dtype_policy("float32")
    assert objective.compute_dtype == "float32"


def test_config_round_trip():
    objective = Counting(
        2.0, weight=0.25, base_weight=0.5, features="a", name="n"
    )
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(objective)
    )
    assert again.get_config() == objective.get_config()
    assert float(again.weight) == 0.25
    assert float(again.base_weight) == 0.5
    assert again.features == "a"
    assert again.name == "n"


@pytest.mark.parametrize("name", ["weight", "base_weight"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_bad_factors(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a finite number"):
        Counting(**{name: value})


def test_call_must_be_implemented():
    with pytest.raises(NotImplementedError, match="must implement `call`"):
        Objective()(np.ones((2, 3), "float32"), np.array([0, 1]))
