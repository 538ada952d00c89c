"""Models and stages that train in no time."""

import keras
import numpy as np

from keras_lt import data
from keras_lt import models
from keras_lt.training import Stage

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_batches(
    seed=0, batch_size=4, sampler=None, last_batch="keep", examples=12
):
    labels = np.arange(examples) % 3
    x = np.random.default_rng(0).normal(size=(examples, 2)) + labels[:, None]
    return data.Batches(
        (x.astype("float32"), labels),
        batch_size,
        sampler,
        seed=seed,
        last_batch=last_batch,
    )


def make_plain():
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4, activation="relu", name="inner"),
            keras.layers.Dense(3, name="outer"),
        ]
    )


def make_long_tail():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(4, activation="relu", name="inner")(inputs)
    return models.LongTailModel(keras.Model(inputs, x), num_classes=3)


def make_stage(name="one", **arguments):
    defaults = {
        "epochs": 2,
        "batches": make_batches(),
        "loss": LOSS,
        "optimizer": keras.optimizers.SGD(0.1, momentum=0.9),
    }
    return Stage(name=name, **{**defaults, **arguments})
