"""Small models and data that the tests of models share."""

import keras
import numpy as np
from keras import ops

from keras_lt.models import LongTailModel
from keras_lt.objectives import Objective

CLASSES = 4
COUNTS = [40, 30, 20, 10]
SPARSE = keras.losses.SparseCategoricalCrossentropy


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class MeanFeature(Objective):
    """Pulls the features towards a vector, and counts its calls."""

    def build(self, features_shape):
        self.centre = self.add_weight(name="centre", shape=features_shape[1:])
        self.calls = self.add_weight(
            name="calls", shape=(), initializer="zeros", trainable=False
        )

    def call(self, features, labels, **others):
        self.calls.assign_add(1.0)
        return ops.mean((features - self.centre) ** 2, axis=-1)


def images(rows=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6, 6, 3)).astype("float32")
    return x, (np.arange(rows) % CLASSES).astype("int32")


def small_backbone(dropout=0.0):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(5, 3, name="stage_1")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="stage_2")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, x, name="small")


def small_model(**kwargs):
    return LongTailModel(small_backbone(), CLASSES, **kwargs)


def vector_model(dim=3, **kwargs):
    inputs = keras.Input((dim,))
    backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    return LongTailModel(backbone, CLASSES, **kwargs)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
