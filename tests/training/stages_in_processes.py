"""Trains stages in two processes of JAX with a device each: whole, resumed."""

import dataclasses
import json
import pathlib
import sys
import tempfile

import keras
import numpy as np

from keras_lt import data
from keras_lt import losses
from keras_lt import models
from keras_lt import objectives
from keras_lt import training
from tests.checks import to_numpy

COUNTS = [12, 8, 4]


class Stop(Exception):
    """What the process is stopped by."""


class Stopping(keras.callbacks.Callback):
    """Stops at the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise Stop


def new_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    layer = keras.layers.Dense(5, activation="relu")
    network = keras.Model(inputs, layer(inputs))
    return models.LongTailModel(network, num_classes=len(COUNTS))


def stages():
    images = np.random.default_rng(0).normal(size=(sum(COUNTS), 6))
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
    first = training.Stage(
        name="features",
        epochs=2,
        batches=data.Batches((images.astype("float32"), labels), 6),
        loss=losses.BalancedSoftmax(COUNTS),
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        objectives=[objectives.Robustness(COUNTS)],
    )
    second = dataclasses.replace(
        first, name="classifier", objectives=(), reset=["classifier"]
    )
    return [first, second]


def outcome(model, history):
    return {
        "losses": [row["loss"] for row in history],
        "weights": [to_numpy(one).tolist() for one in model.own_variables],
    }


def in_process(address, process):
    keras.distribution.initialize(address, 2, process)
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = new_model()
        history = training.train(model, stages(), folder / "a", verbose=0)
        whole = outcome(model, history)
        first, second = stages()
        second = dataclasses.replace(second, callbacks=[Stopping()])
        try:
            training.train(new_model(), [first, second], folder / "b")
        except Stop:
            pass
        model = new_model()
        history = training.train(model, stages(), folder / "b", verbose=0)
        return {
            "whole": whole,
            "resumed": outcome(model, history),
            "folders": [one.name for one in (folder / "b").iterdir()],
        }


if __name__ == "__main__":
    results = in_process(sys.argv[1], int(sys.argv[2]))
    sys.stdout.write(f"{json.dumps(results)}\n")
