"""Trains stages in two processes of JAX with a device each: whole, resumed."""

import dataclasses
import json
import os
import pathlib
import shutil
import sys
import tempfile

import jax
import keras
import numpy as np

from keras_lt import data
from keras_lt import losses
from keras_lt import models
from keras_lt import objectives
from keras_lt import training
from tests.checks import to_numpy
from tests.killed import Kill

COUNTS = [12, 8, 4]
HEARTBEAT_TIMEOUT = 10


class Copy(keras.callbacks.Callback):
    """Copies a folder at the second epoch, as a crash would leave it."""

    def __init__(self, folder, copy):
        super().__init__()
        self.folders = folder, copy

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            shutil.copytree(*self.folders)


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


def join(address, process):
    # Shorter than the 100 s of JAX, after which another is taken for dead.
    jax.distributed.initialize(
        address, 2, process, heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT
    )
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)


def trained(folder, of_first=(), of_second=()):
    """Returns the outcome of both stages, with callbacks of their own."""
    first, second = stages()
    first = dataclasses.replace(first, callbacks=of_first)
    second = dataclasses.replace(second, callbacks=of_second)
    model = new_model()
    history = training.train(model, [first, second], folder, verbose=0)
    return outcome(model, history)


def train_and_resume(begun):
    """Trains whole, and goes on with a copy and with what is begun."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy = Copy(folder / "a", folder / "b")
        whole = trained(folder / "a", of_second=[copy])
        if jax.process_index() == 1:  # As if killed before it saved.
            own = folder / "b" / "process_1"
            os.replace(own / "checkpoint_before.npz", own / "checkpoint.npz")
        return {
            "whole": whole,
            "resumed": trained(folder / "b"),
            "after_the_kill": trained(begun),
            "folders": [one.name for one in (folder / "b").iterdir()],
        }


def main(address, process, kind, folder):
    join(address, int(process))
    if kind == "killed":
        trained(folder, [Kill(epoch=1)] if process == "1" else [])
    else:
        results = train_and_resume(folder)
        sys.stdout.write(f"{json.dumps(results)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
