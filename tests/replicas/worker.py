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


def train_all(folder, begun):
    """Trains with all methods, and in stages: whole, and from what is begun."""
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
    ends = {
        # What is gone on with does not hang on the seed.
        "resumed": staged(strategy, begun, 5 + index),
        "whole": staged(strategy, folder / "whole", 5),
    }
    for kind, end in ends.items():
        found.update({f"{kind}/{name}": value for name, value in end.items()})
    np.savez(folder / f"{index}.npz", **found, **messages)


def train_and_die(folder):
    """Trains in stages until process 1 is killed."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    killed = strategy.cluster_resolver.task_id == 1
    staged(strategy, folder, 5, *([Kill(epoch=1)] if killed else []))


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


def main(folder, begun=None):
    if begun is None:
        train_and_die(pathlib.Path(folder))
    else:
        train_all(pathlib.Path(folder), pathlib.Path(begun))


if __name__ == "__main__":
    main(*sys.argv[1:])
