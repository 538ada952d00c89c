"""Small models with exits, and the data that their tests share."""

import keras
import numpy as np
from keras import ops

from keras_lt import layers
from keras_lt.models import EarlyExitModel
from tests.models.small_models import CLASSES

EXITS = ["one", "two"]
PLAIN = {"branch": "pooled", "trunk_gradient": 1.0}


def dense_backbone(dim=5, widths=(6, 5, 4)):
    """Returns three dense layers in a row: `one`, `two` and `three`."""
    inputs = x = keras.Input((dim,))
    for name, width in zip(("one", "two", "three"), widths, strict=True):
        x = keras.layers.Dense(width, activation="tanh", name=name)(x)
    return keras.Model(inputs, x, name="dense")


def dense_model(exits=EXITS, **kwargs):
    settings = {**PLAIN, **kwargs}
    return EarlyExitModel(dense_backbone(), exits, CLASSES, **settings)


def vectors(rows=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)).astype("float32")
    return x, (np.arange(rows) % CLASSES).astype("int32")


def image_backbone():
    """Returns a network of images, with a residual block, to be cut."""
    inputs = x = keras.Input((6, 6, 3))
    for name, filters, strides in (("one", 4, 1), ("two", 6, 2)):
        x = keras.layers.Conv2D(
            filters, 3, strides, padding="same", name=f"{name}_conv"
        )(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=name)(x)
    inner = keras.layers.Conv2D(6, 3, padding="same", name="inner")(x)
    x = keras.layers.Add(name="three")([x, inner])
    return keras.Model(inputs, x, name="images")


def image_model(exits=EXITS, **kwargs):
    settings = {**PLAIN, **kwargs}
    return EarlyExitModel(image_backbone(), exits, CLASSES, **settings)


@keras.saving.register_keras_serializable(package="keras_lt_tests")
def certain_of_class_two(logits, labels):
    certain = ops.softmax(logits)[:, 2]
    return certain * ops.cast(ops.equal(labels, 2), "float32")


def changed_model():
    """Returns a model none of whose settings is the default."""
    own = keras.Sequential(
        [keras.layers.Conv2D(5, 2), keras.layers.GlobalMaxPooling2D()],
        name="own",
    )
    return EarlyExitModel(
        image_backbone(),
        ["one", "two"],
        CLASSES,
        classifier=layers.CosineClassifier(CLASSES, scale=20.0),
        branch=[layers.MixedPooling(2), own],
        threshold=[0.5, 0.75],
        training_threshold=[0.25, 0.125],
        criterion=certain_of_class_two,
        exit_weights=[0.25, 0.5, 1.0],
        normalizer="survivors",
        trunk_gradient=0.25,
        mask_objectives=True,
        projection_dim=7,
        feature_layers=["inner"],
        weight_decay=1e-3,
    )


def seeded_weights(model, seed=0):
    """Gives the trainable weights values that are equal on all backends."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(0.7 * rng.normal(size=variable.shape))
    return model
