"""Averaged weights, and the statistics that go with them."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt import training
from keras_lt.callbacks import AverageWeights
from tests.callbacks.averaged_models import MOMENTUM
from tests.callbacks.averaged_models import RATE
from tests.callbacks.averaged_models import crossentropy
from tests.callbacks.averaged_models import examples
from tests.callbacks.averaged_models import plain_model
from tests.callbacks.averaged_models import sgd
from tests.checks import to_numpy


def with_dropout():
    images = keras.Input((4,))
    x = keras.layers.Dense(6)(images)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.Dropout(0.4)(x)
    backbone = keras.Model(images, x)
    return models.LongTailModel(backbone, num_classes=3)


def values_of(model):
    return [to_numpy(variable).copy() for variable in model.variables]


def test_average_is_that_of_the_steps():
    x = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, 1.0]], "float32")
    y = np.array([[1.0], [0.0], [2.0]], "float32")
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, use_bias=False)]
    )
    model.set_weights([np.array([[0.3], [-0.2]])])
    model.compile(sgd(), loss="mse")
    model.fit(x, y, 3, epochs=4, verbose=0, callbacks=[AverageWeights()])

    weights, average = np.array([[0.3], [-0.2]]), None
    for _ in range(4):
        weights = weights - RATE * 2 / 3 * x.T @ (x @ weights - y)
        average = (
            weights
            if average is None
            else MOMENTUM * average + (1 - MOMENTUM) * weights
        )
    assert np.abs(weights - average).max() > 0.05
    np.testing.assert_allclose(to_numpy(model.weights[0]), average, rtol=1e-5)


def test_statistics_are_those_of_the_averaged_weights():
    x, y = examples()
    batches = data.Batches((x, y), 8)
    model = plain_model()
    model.compile(sgd(), loss=crossentropy())
    average = AverageWeights(batches)
    model.fit(
        batches,
        epochs=3,
        verbose=0,
        shuffle=False,
        callbacks=[batches.callback(), average],
    )
    full = [batches[index][0].astype("float64") for index in range(2)]
    for layer, inputs in (
        ("first", full),
        ("second", [hidden_of(model, one) for one in full]),
    ):
        layer = model.get_layer(layer)
        mean = np.mean([one.mean(0) for one in inputs], axis=0)
        variance = np.mean([one.var(0) for one in inputs], axis=0)
        found = to_numpy(layer.moving_mean), to_numpy(layer.moving_variance)
        np.testing.assert_allclose(found[0], mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[1], variance, rtol=1e-4)


def hidden_of(model, x):
    """What the hidden layer makes of a batch in training, in NumPy."""
    first, hidden = model.get_layer("first"), model.get_layer("hidden")
    gamma, beta = map(to_numpy, first.trainable_variables)
    scaled = (x - x.mean(0)) / np.sqrt(x.var(0) + first.epsilon)
    kernel, bias = map(to_numpy, hidden.trainable_variables)
    return (gamma * scaled + beta) @ kernel + bias


def test_validation_sees_what_the_training_ends_with():
    batches = data.Batches(examples(), 8)
    held_out = examples(9)
    model = with_dropout()
    model.compile(sgd(), loss=crossentropy())
    history = model.fit(
        batches,
        epochs=3,
        verbose=0,
        validation_data=held_out,
        callbacks=[AverageWeights(batches)],
    ).history
    found = model.evaluate(*held_out, verbose=0)
    assert found == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_training_goes_as_it_would_without():
    losses, values = [], []
    for kept in (1, 0):
        keras.utils.set_random_seed(1)
        model = with_dropout()
        watch = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model: (
                epoch == 1 and values.append(values_of(model))
            )
        )
        stage, _ = stages(watch)
        callbacks = stage.callbacks[1 - kept :]
        stage = dataclasses.replace(stage, callbacks=callbacks)
        rows = training.train(model, [stage], verbose=0)
        losses.append([row["loss"] for row in rows])
    assert losses[0] == losses[1]
    for one, two in zip(*values, strict=True):
        np.testing.assert_array_equal(one, two)


def test_layers_that_keep_their_statistics_keep_them():
    model = plain_model()
    model.get_layer("first").trainable = False
    start = np.full(4, 0.25)
    model.get_layer("first").moving_mean.assign(start)
    model.compile(sgd(), loss=crossentropy())
    batches = data.Batches(examples(), 8)
    callbacks = [batches.callback(), AverageWeights(batches)]
    model.fit(batches, verbose=0, shuffle=False, callbacks=callbacks)
    found = to_numpy(model.get_layer("first").moving_mean)
    np.testing.assert_array_equal(found, start)
    first, hidden = model.get_layer("first"), model.get_layer("hidden")
    seen = np.concatenate([batches[index][0] for index in range(2)])
    seen = hidden(first(seen, training=False))  # With what it keeps.
    found = to_numpy(model.get_layer("second").moving_mean)
    np.testing.assert_allclose(found, to_numpy(seen).mean(0), 1e-4, 1e-5)


class Cut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


def stages(*callbacks):
    batches = data.Batches(examples(), 8, seed=1)
    first = training.Stage(
        name="first",
        epochs=3,
        batches=batches,
        loss=crossentropy(),
        optimizer=sgd(),
        callbacks=[AverageWeights(batches), *callbacks],
        validation=examples(9),
    )
    second = training.retrained_classifier(batches, epochs=1)
    return [first, second]


def trained(folder, *callbacks):
    keras.utils.set_random_seed(3)
    model = with_dropout()
    training.train(model, stages(*callbacks), folder, verbose=0)
    return model


def test_training_goes_on_where_it_was_cut(tmp_path):
    with pytest.raises(InterruptedError):
        trained(tmp_path / "cut", Cut())
    resumed, whole = trained(tmp_path / "cut"), trained(None)
    for one, two in zip(values_of(resumed), values_of(whole), strict=True):
        np.testing.assert_array_equal(one, two)


def test_finished_stage_is_saved_with_its_averages(tmp_path):
    first, _ = stages()
    model, again = with_dropout(), with_dropout()
    training.train(model, [first], tmp_path, verbose=0)
    training.train(again, [first], tmp_path, verbose=0)
    for one, two in zip(values_of(model), values_of(again), strict=True):
        np.testing.assert_array_equal(one, two)


def test_model_can_be_trained_on():
    """On JAX, weights and averages must not share their memory."""
    x, y = examples()
    model = plain_model()
    model.compile(sgd(), loss=crossentropy())
    kernels, losses = [], []
    for _ in range(2):
        model.fit(x, y, verbose=0, callbacks=[AverageWeights((x, y))])
        kernels.append(to_numpy(model.get_layer("hidden").kernel).copy())
        losses.append(model.evaluate(x, y, verbose=0))
    assert np.abs(kernels[1] - kernels[0]).max() > 1e-3
    assert losses[1] < losses[0]


class Fails(keras.callbacks.Callback):
    """Raises in the second epoch, at its start or while it is validated."""

    def __init__(self, validating):
        super().__init__()
        self.validating = validating

    def on_epoch_begin(self, epoch, logs=None):
        self.is_second = epoch == 1
        if self.is_second and not self.validating:
            self.values = values_of(self.model)
            raise InterruptedError

    def on_test_begin(self, logs=None):
        self.values = values_of(self.model)

    def on_test_batch_end(self, batch, logs=None):
        if self.is_second:
            raise InterruptedError


@pytest.mark.parametrize("validating", [False, True])
def test_a_training_that_failed_is_gone_on_with(validating):
    """From the weights and statistics of its steps."""
    x, y = examples()
    model, average = plain_model(), AverageWeights((x, y))
    fails, starts = Fails(validating), []
    model.compile(sgd(), loss=crossentropy())
    kwargs = {"epochs": 2, "verbose": 0, "validation_data": (x, y)}
    with pytest.raises(InterruptedError):
        model.fit(x, y, callbacks=[fails, average], **kwargs)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: starts.append(values_of(model))
    )
    logs = model.fit(x, y, callbacks=[average, watch], **kwargs).history
    assert np.isfinite(logs["val_loss"]).all()
    if keras.config.backend() == "jax" and not validating:
        return  # There, Keras ends with the averages after an error, too.
    for one, two in zip(starts[0], fails.values, strict=True):
        np.testing.assert_allclose(one, two, 1e-6)


def test_batches_of_its_own_follow_the_epoch(recwarn):
    x, y = examples()
    model, own = plain_model(), data.Batches((x, y), 10)
    model.compile(sgd(), loss=crossentropy())
    kwargs = {"epochs": 6, "verbose": 0, "validation_data": (x, y)}
    model.fit(x, y, callbacks=[AverageWeights(own)], **kwargs)
    assert own.epoch == 5
    assert not [one for one in recwarn if "epoch 0" in str(one.message)]


class Stop(keras.callbacks.Callback):
    """Ends the training after the averages have looked whether it ends."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at:
            self.model.stop_training = True


def values_after_training(model, epochs, *callbacks):
    batches = data.Batches(examples(), 8)
    model.compile(sgd(), loss=crossentropy())
    model.fit(
        batches,
        epochs=epochs,
        verbose=0,
        shuffle=False,
        callbacks=[batches.callback(), AverageWeights(batches), *callbacks],
    )
    return values_of(model)


def test_training_that_stops_early_ends_with_averages():
    found = []
    for epochs, stop in ((2, None), (9, 1)):
        keras.utils.set_random_seed(2)
        found.append(values_after_training(with_dropout(), epochs, Stop(stop)))
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)


class Ups(keras.callbacks.Callback):
    """Makes an epoch the best one, and keeps what the model is then."""

    def __init__(self, best):
        super().__init__()
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        logs["ups"] = float(epoch == self.best)
        if epoch == self.best:
            self.values = self.model.get_weights()


def test_best_weights_are_the_averages_that_were_validated():
    batches, held_out = data.Batches(examples(), 8), examples(9)
    model = with_dropout()
    model.compile(sgd(), loss=crossentropy())
    ups = Ups(best=1)
    early = keras.callbacks.EarlyStopping(
        "ups", mode="max", patience=2, restore_best_weights=True
    )
    history = model.fit(
        batches,
        epochs=9,
        verbose=0,
        validation_data=held_out,
        callbacks=[ups, early, AverageWeights(batches)],
    ).history
    assert len(history["loss"]) == 4
    for one, two in zip(model.get_weights(), ups.values, strict=True):
        np.testing.assert_array_equal(one, two)
    found = model.evaluate(*held_out, verbose=0)
    assert found == pytest.approx(history["val_loss"][1], rel=1e-5)


class Evaluate(keras.callbacks.Callback):
    """Looks at the model where its validation does not."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.evaluate(*examples(9), verbose=0)

    def on_epoch_end(self, epoch, logs=None):
        self.model.evaluate(*examples(9), verbose=0)


@pytest.mark.skipif(
    keras.config.backend() == "jax", reason="JAX has no variables in an epoch."
)
def test_evaluation_at_any_time_leaves_the_training_as_it_is():
    found = []
    for callbacks in ([], [Evaluate()]):
        keras.utils.set_random_seed(2)
        found.append(values_after_training(plain_model(), 3, *callbacks))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_data_without_an_end_are_read_up_to_the_number_of_batches():
    tf = pytest.importorskip("tensorflow")
    x, y = examples()
    endless = tf.data.Dataset.from_tensor_slices((x, y)).batch(10).repeat()
    model = plain_model()
    model.compile(sgd(), loss=crossentropy())
    average = AverageWeights(endless, max_batches=2)
    model.fit(x, y, verbose=0, callbacks=[average])
    expected = np.mean([x[:10].mean(0), x[10:].mean(0)], axis=0)
    found = to_numpy(model.get_layer("first").moving_mean)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
