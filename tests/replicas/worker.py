"""One process of two; run as a script by `processes_test.py`."""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_lt import training
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
        staged(strategy, index, folder, crashes=True)
    except InterruptedError:
        found.update(staged(strategy, index, folder))
    np.savez(folder / f"{index}.npz", **found, **messages)


def staged(strategy, index, folder, crashes=False):
    keras.utils.set_random_seed(5 + index * (1 - crashes))
    with strategy.scope():
        model = shares.plain_model()
        stages = shares.stages_for(index, crashes)
    training.train(model, stages, folder, verbose=0)
    parts = {"staged": model, "features": model.backbone}
    return {
        f"{part}/{name}": value
        for part, of in parts.items()
        for name, value in networks.trained_values(of).items()
    }


if __name__ == "__main__":
    run(pathlib.Path(sys.argv[1]))
