"""Graphs to cut, and the check that stages give what the whole gives."""

import keras
import numpy as np
from keras import layers

from keras_lt.models.backbone_cut import cut
from tests.checks import to_numpy

SHAPE = (8, 8, 3)


def images(rows=3, shape=SHAPE):
    return np.random.default_rng(0).normal(size=(rows, *shape)).astype("f4")


def run(stages, x, **kwargs):
    """Runs stages one after the other, and collects the features."""
    features = {}
    for stage in stages:
        x = stage(x, **kwargs)
        if isinstance(x, dict):
            features.update(x)
            x = features.pop("out")
    return to_numpy(x), features


def check_equal(backbone, exits, **kwargs):
    """Checks that the stages give exactly what the backbone gives."""
    x = images(2, backbone.inputs[0].shape[1:])
    stages = cut(backbone, exits)
    assert len(stages) == len(exits) + 1
    expected = to_numpy(backbone(x, **kwargs))
    assert np.std(expected) > 0
    np.testing.assert_array_equal(run(stages, x, **kwargs)[0], expected)
    return stages


def normalized(x, name, filters=4):
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(x)
    return layers.ReLU(name=name)(x)


def residual(name="residual"):
    """Returns `stem`, a block with a skip connection, and `end`."""
    inputs = keras.Input(SHAPE, name="images")
    x = normalized(inputs, "stem")
    y = normalized(x, "branch")
    x = layers.Add(name="add")([x, y])
    return keras.Model(inputs, normalized(x, "end"), name=name)


def nested():
    """Returns a graph with two levels below, with equal names in each."""
    inner = residual("inner")
    images = keras.Input(SHAPE)
    x = layers.Conv2D(3, 1, name="stem_conv")(images)
    x = inner(x)
    middle = keras.Model(images, layers.ReLU(name="end")(x), name="middle")
    images = keras.Input(SHAPE)
    x = layers.Rescaling(2.0, name="scale")(images)
    x = middle(x)
    x = layers.Conv2D(2, 1, name="end")(x)
    return keras.Model(images, x, name="outer")


def sequential():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, name="one"),
            keras.Sequential(
                [layers.Conv2D(5, 3, name="one"), layers.ReLU(name="two")],
                name="inside",
            ),
            layers.Conv2D(2, 1, name="end"),
        ]
    )
