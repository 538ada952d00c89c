"""One process of two; run as a script by `processes_test.py`."""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_lt import training
from tests.killed import Kill
from tests.replicas import networks
from tests.replicas import shares


def message_of(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ValueError as error:
        return str(error)
    return "none"


def run(folder):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    index = strategy.cluster_resolver.task_id
    with strategy.scope():
        model = networks.compiled(networks.student())
        inside = message_of(model.fit, shares.share_of(index))
    messages = {
        "inside": inside,
        "same": message_of(model.fit, shares.share_of(0)),
        "count": message_of(model.fit, shares.share_of(index, 3)),
    }
    found = shares.fitted(model, index)
    try:
        # What is gone on with does not hang on the seed.
        staged(strategy, folder, 5, shares.Crash())
    except InterruptedError:
        found.update(staged(strategy, folder, 5 + index))
    np.savez(folder / f"{index}.npz", **found, **messages)


def run_stages(folder, killed):
    """Trains in stages, or goes on; one process may be killed."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    index = strategy.cluster_resolver.task_id
    own_callbacks = [Kill(epoch=1)] if killed == str(index) else []
    found = staged(strategy, folder, 5, *own_callbacks)
    np.savez(folder / f"{index}.npz", **found)


def staged(strategy, folder, seed, *own_callbacks):
    keras.utils.set_random_seed(seed)
    index = strategy.cluster_resolver.task_id
    with strategy.scope():
        model = shares.plain_model()
        stages = shares.stages_for(index, *own_callbacks)
    training.train(model, stages, folder, verbose=0)
    parts = {"staged": model, "features": model.backbone}
    return {
        f"{part}/{name}": value
        for part, of in parts.items()
        for name, value in networks.trained_values(of).items()
    }


def main(folder, killed=None):
    if killed is None:
        run(pathlib.Path(folder))
    else:
        run_stages(pathlib.Path(folder), killed)


if __name__ == "__main__":
    main(*sys.argv[1:])
