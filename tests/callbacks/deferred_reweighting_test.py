import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt import training
from keras_lt.callbacks import DeferredReweighting
from keras_lt.callbacks import VariableSchedule
from keras_lt.models.model_copy import copy_of

COUNTS = [4, 2, 1]
BETA = 0.9


def paper_weights(counts, beta):
    """(1 - beta) / (1 - beta^n), scaled to a sum of one per class."""
    weights = (1 - beta) / (1 - np.power(beta, np.asarray(counts, "float64")))
    return weights / weights.sum() * len(counts)


def make_model():
    inputs = keras.Input((2,))
    return models.LongTailModel(keras.Model(inputs, inputs * 1), num_classes=3)


def make_data():
    labels = np.repeat(np.arange(3), COUNTS)
    x = np.random.default_rng(0).normal(size=(len(labels), 2))
    return x.astype("float32"), labels


def loss_by_hand(model, x, labels, weights):
    kernel, bias = model.classifier.get_weights()
    logits = x.astype("float64") @ kernel + bias
    top = np.log(np.exp(logits).sum(-1))
    values = top - logits[np.arange(len(labels)), labels]
    return np.sum(weights[labels] * values) / np.sum(weights[labels])


def test_compiled_loss_switches_at_the_epoch():
    model = make_model()
    x, labels = make_data()
    # A rate of 0 keeps the model; the loss changes by the weights alone.
    model.compile(
        keras.optimizers.SGD(0.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    callback = DeferredReweighting(COUNTS, start_epoch=2, beta=BETA)
    history = model.fit(
        x, labels, batch_size=7, epochs=4, verbose=0, callbacks=[callback]
    )
    plain = loss_by_hand(model, x, labels, np.ones(3))
    late = loss_by_hand(model, x, labels, paper_weights(COUNTS, BETA))
    assert abs(plain - late) > 1e-3
    np.testing.assert_allclose(
        history.history["loss"], [plain, plain, late, late], 1e-5
    )


def weights_of(model):
    return keras.ops.convert_to_numpy(model.class_weights)


def test_follows_from_the_epoch_alone():
    model = make_model()
    model.compile(
        "sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    x, labels = make_data()
    callback = DeferredReweighting(COUNTS, start_epoch=2, beta=BETA)
    seen = []
    spy = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(weights_of(model))
    )
    expected = {3: paper_weights(COUNTS, BETA), 1: np.ones(3)}
    for first, weights in expected.items():
        model.fit(
            x,
            labels,
            initial_epoch=first,
            epochs=first + 1,
            verbose=0,
            callbacks=[callback, spy],
        )
        np.testing.assert_allclose(seen.pop(), weights, 1e-6)
        np.testing.assert_array_equal(weights_of(model), 1.0)


class Fails(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def schedule(model):
    return VariableSchedule(
        model.class_weights, lambda epoch: paper_weights(COUNTS, BETA)
    )


def reweighting(model):
    return DeferredReweighting(COUNTS, start_epoch=0, beta=BETA)


@pytest.mark.parametrize("make", [reweighting, schedule])
def test_weights_are_those_of_before_in_files_and_after_an_error(
    make, tmp_path
):
    model, (x, labels) = make_model(), make_data()
    model.class_weights.assign([2.0, 1.0, 3.0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss)
    seen, copies = [], []
    own = [
        make(model),
        keras.callbacks.ModelCheckpoint(tmp_path / "whole.keras"),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "own.weights.h5", save_weights_only=True
        ),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(weights_of(model))
        ),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: copies.append(copy_of(model))
        ),
        Fails(),
    ]
    with pytest.raises(InterruptedError):
        model.fit(x, labels, epochs=2, verbose=0, callbacks=own)
    np.testing.assert_allclose(seen, [paper_weights(COUNTS, BETA)], 1e-6)
    loaded = keras.models.load_model(tmp_path / "whole.keras")
    other = make_model()
    other.load_weights(tmp_path / "own.weights.h5")
    for one in (model, loaded, other, *copies):
        np.testing.assert_array_equal(weights_of(one), [2.0, 1.0, 3.0])


def test_weights_of_an_epoch_stay_where_others_are_loaded(tmp_path):
    path = tmp_path / "best.weights.h5"
    model, (x, labels) = make_model(), make_data()
    model.class_weights.assign([2.0, 1.0, 3.0])
    model.save_weights(path)
    model.class_weights.assign([1.0, 1.0, 1.0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss)
    seen = []
    own = [
        reweighting(model),
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: model.load_weights(path),
            on_epoch_end=lambda epoch, logs: seen.append(weights_of(model)),
        ),
    ]
    model.fit(x, labels, verbose=0, callbacks=own)
    np.testing.assert_allclose(seen, [paper_weights(COUNTS, BETA)], 1e-6)
    np.testing.assert_array_equal(weights_of(model), [2.0, 1.0, 3.0])


def test_weights_of_a_loop_of_ones_own_end_with_the_next_fit():
    model, (x, labels) = make_model(), make_data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    callback = reweighting(model)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    found = model.fit(x, labels, batch_size=7, verbose=0).history["loss"]
    expected = loss_by_hand(model, x, labels, np.ones(3))
    np.testing.assert_allclose(found, [expected], 1e-5)


def test_weights_end_as_before_where_a_training_goes_on(tmp_path):
    def run(*callbacks):
        model = make_model()
        stage = training.Stage(
            name="one",
            epochs=3,
            batches=data.Batches(make_data(), 7),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            optimizer=keras.optimizers.SGD(0.1),
            callbacks=[DeferredReweighting(COUNTS, 0, BETA), *callbacks],
        )
        training.train(model, [stage], tmp_path, verbose=0)
        return model

    with pytest.raises(InterruptedError):
        run(Fails())
    for _ in range(2):  # From the second epoch, then from the end.
        np.testing.assert_array_equal(weights_of(run()), 1.0)


def test_best_weights_are_put_back_in_any_order():
    model, (x, labels) = make_model(), make_data()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss)
    best = keras.callbacks.EarlyStopping(
        "loss", restore_best_weights=True, mode="max", patience=5
    )
    own = [DeferredReweighting(COUNTS, start_epoch=0, beta=BETA), best]
    model.fit(x, labels, epochs=2, verbose=0, callbacks=own)
    np.testing.assert_array_equal(weights_of(model), 1.0)


def test_config_round_trip():
    callback = DeferredReweighting(np.array(COUNTS), 160, beta=BETA)
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == callback.get_config()
    assert copy.get_config()["class_counts"] == COUNTS


def test_plain_model_is_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", loss="mse")
    callback = DeferredReweighting(COUNTS, start_epoch=0)
    message = "Received: 'sequential.*', a Sequential. Wrap .* `keras_lt.models"
    with pytest.raises(ValueError, match=message + ".LongTailModel`"):
        model.fit(np.zeros((2, 2)), np.zeros((2, 3)), callbacks=[callback])


def test_wrong_number_of_classes():
    model = make_model()
    model.compile(
        "sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    callback = DeferredReweighting([5, 4], start_epoch=0)
    with pytest.raises(ValueError, match="2 counts for 3 classes"):
        model.fit(*make_data(), callbacks=[callback])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([3, 0], 1), "`class_counts` must be at least 1"),
        (([3, 1], -1), "`start_epoch` must be"),
        (([3, 1], 1.7), "`start_epoch` must be a whole number"),
        (([3, 1], 1, 1.0), "`beta` must be"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeferredReweighting(*arguments)
