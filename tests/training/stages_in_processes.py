"""Trains stages in two processes of JAX with a device each: whole, resumed."""

import dataclasses
import json
import os
import pathlib
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


def join(address, process):
    # Shorter than the 100 s of JAX, after which another is taken for dead.
    jax.distributed.initialize(
        address, 2, process, heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT
    )
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)


def in_folder(folder, killed):
    """Trains, or goes on; the first stage kills the process, if asked."""
    first, second = stages()
    if killed:
        first = dataclasses.replace(first, callbacks=[Kill(epoch=1)])
    model = new_model()
    history = training.train(model, [first, second], folder, verbose=0)
    return outcome(model, history)


def in_process():
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
        if jax.process_index() == 1:  # As if killed before it saved.
            own = folder / "b" / "process_1"
            os.replace(own / "checkpoint_before.npz", own / "checkpoint.npz")
        model = new_model()
        history = training.train(model, stages(), folder / "b", verbose=0)
        return {
            "whole": whole,
            "resumed": outcome(model, history),
            "folders": [one.name for one in (folder / "b").iterdir()],
        }


def main(address, process, folder=None, killed="nobody"):
    join(address, int(process))
    if folder is None:
        results = in_process()
    else:
        results = in_folder(folder, killed == process)
    sys.stdout.write(f"{json.dumps(results)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
