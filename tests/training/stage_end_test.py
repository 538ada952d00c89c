"""What callbacks and the optimizer do when `fit` ends is kept, too."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import models
from keras_lt import training
from keras_lt.training.progress import Progress
from tests.checks import small_data
from tests.checks import to_numpy

COUNTS = [9, 4, 2]


def averaged():
    """Keras puts the averages into the model after the last epoch."""
    return {"optimizer": keras.optimizers.SGD(0.5, use_ema=True)}


def stopped():
    """Stops after epoch 2, and restores the weights of epoch 1."""
    values = iter([2.0, 1.0, 3.0])
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(watched=next(values))
    )
    early = keras.callbacks.EarlyStopping(
        "watched", patience=1, mode="min", restore_best_weights=True
    )
    return {"callbacks": [watch, early]}


def reweighted():
    """All classes weigh alike again afterwards."""
    return {"callbacks": [callbacks.DeferredReweighting(COUNTS, 1)]}


def trained(folder, make):
    keras.utils.set_random_seed(4)
    images = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu")(images)
    model = models.LongTailModel(keras.Model(images, hidden), num_classes=3)
    stage = training.Stage(
        name="one",
        epochs=5 if make is stopped else 2,
        batches=data.Batches(small_data(3), 8, seed=1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **{"optimizer": keras.optimizers.SGD(0.5), **make()},
    )
    rows = training.train(model, [stage], folder, verbose=0)
    losses = [row["loss"] for row in rows]
    return [to_numpy(one).copy() for one in model.variables], losses


def killed(self, model):
    raise InterruptedError


def assert_equal(one, other):
    assert one[1] == other[1]
    for value, expected in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("make", [averaged, stopped, reweighted])
def test_finished_training_is_read_as_it_ended(tmp_path, make):
    first = trained(tmp_path, make)
    assert len(first[1]) == (3 if make is stopped else 2)
    assert_equal(trained(tmp_path, make), first)


@pytest.mark.parametrize("make", [averaged, reweighted])
def test_training_killed_after_its_last_epoch_ends_alike(
    tmp_path, monkeypatch, make
):
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(Progress, "finish_stage", killed)
        trained(tmp_path, make)
    assert_equal(trained(tmp_path, make), trained(None, make))


def test_stopped_training_is_not_trained_further(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(Progress, "finish_stage", killed)
        trained(tmp_path, stopped)
    assert len(trained(tmp_path, stopped)[1]) == 3
