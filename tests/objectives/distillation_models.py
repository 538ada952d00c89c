"""Teachers and students in no time, and the data that they look at."""

import keras
import numpy as np

from keras_lt.models import LongTailModel
from tests.checks import to_numpy

CLASSES = 4
COUNTS = [40, 30, 20, 10]
ROWS, SIZE = 10, 6


def examples(rows=ROWS, seed=0):
    """Returns rows of 6 numbers, and unsorted labels of every class."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, SIZE)).astype("float32")
    return x, rng.permutation(np.arange(rows) % CLASSES).astype("int32")


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def seeded(model, seed, scale=0.7):
    """Gives all weights values that are the same on every backend."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.endswith("class_weights"):
            continue
        values = scale * rng.normal(size=variable.shape)
        if "variance" in variable.path:
            values = 0.5 + np.abs(values)
        if variable.dtype == "float32":
            variable.assign(values)
    return model


def linear_model(dim, seed, activation=None, dtype=None, **kwargs):
    """Returns a model whose features are a dense layer of the input."""
    inputs = keras.Input((SIZE,))
    layer = keras.layers.Dense(
        dim, activation=activation, name="hidden", dtype=dtype
    )
    backbone = keras.Model(inputs, layer(inputs))
    return seeded(LongTailModel(backbone, CLASSES, **kwargs), seed)


def teachers(dims=(3, 5), **kwargs):
    """Returns teachers of different widths."""
    return [
        linear_model(dim, seed=10 + index, **kwargs)
        for index, dim in enumerate(dims)
    ]


def restless_teacher(dim=4, seed=20):
    """Returns a teacher that changes wherever it is not in inference mode."""
    inputs = keras.Input((SIZE,))
    x = keras.layers.GaussianNoise(0.5)(inputs)
    x = keras.layers.Dense(dim)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    head = keras.Sequential(
        [
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES),
        ]
    )
    model = LongTailModel(keras.Model(inputs, x), CLASSES, classifier=head)
    return seeded(model, seed)


def outputs_of(models, x):
    """Returns the features of each model, and the mean of their logits."""
    found = [one(x, training=False) for one in models]
    features = [to_numpy(one["features"]).astype("float64") for one in found]
    logits = [to_numpy(one["logits"]).astype("float64") for one in found]
    return features, sum(logits) / len(logits)


def values_of(term, x, features=None, outputs=None, y=None):
    """Returns the values of an objective outside of a model."""
    if features is None:
        features = outputs["features"]
    if not term.built:
        term.build(tuple(features.shape))
    labels = np.zeros(len(x), "int32")
    return to_numpy(term(features, labels, x=x, y=y, outputs=outputs))


def total_loss(model, x, y, **kwargs):
    """Returns the training loss of a batch."""
    outputs = model(x, training=True)
    return float(model.compute_loss(x, y, outputs, **kwargs))


def plain_loss(model, x, y):
    """Returns the loss of a batch without objectives."""
    outputs = model(x, training=False)
    return float(model.compute_loss(x, y, outputs, training=False))


def state_of(model):
    """Returns all variables of a model, seeds of its generators included."""
    return [to_numpy(one).copy() for one in model.variables]


def student(dim=8, seed=3, **kwargs):
    return linear_model(5, seed, projection_dim=dim, **kwargs)
