"""What holds for every public layer; a new layer adds a line to `CASES`."""

import keras
import numpy as np
import pytest

from keras_lt import layers
from tests.checks import check_serialization
from tests.checks import to_numpy

CASES = {
    "BatchNormalization": {"momentum": 0.9, "epsilon": 1e-5},
    "Conv2D": {"filters": 3, "kernel_size": 2, "padding": "same"},
    "CosineClassifier": {
        "num_classes": 3,
        "scale": 7.0,
        "kernel_regularizer": "l2",
    },
    "ExitBlock": {"filters": [3, 4], "separable": True},
    "ExitBranch": {
        "classifier": layers.CosineClassifier(3, scale=5.0),
        "body": layers.ExitBlock([4]),
        "pooling": keras.layers.GlobalMaxPooling2D(),
        "projection": keras.layers.Dense(6, activation="relu"),
    },
    "LearnableWeightScaling": {"classifier": keras.layers.Dense(3)},
    "MixedPooling": {"size": 2},
    "TokenPooling": {
        "pooling": "mean",
        "num_prefix_tokens": 2,
        "normalization": True,
    },
}
SHAPES = {
    "BatchNormalization": (5, 6, 2),
    "Conv2D": (5, 6, 2),
    "ExitBlock": (5, 6, 2),
    "ExitBranch": (5, 6, 2),
    "MixedPooling": (5, 6, 2),
    "TokenPooling": (6, 5),
}
"""Shape of an example, where it is not `(5,)`."""
INITIALIZERS = {"UnitNormUniform"}


@pytest.fixture(params=sorted(CASES))
def layer(request):
    return getattr(layers, request.param)(**CASES[request.param])


@pytest.fixture
def shape(layer):
    return SHAPES.get(type(layer).__name__, (5,))


def test_every_public_layer_has_a_case():
    assert set(CASES) | INITIALIZERS == set(layers.__all__)


def test_serialization(layer):
    check_serialization(layer)


def test_saved_model_gives_equal_outputs(layer, shape, tmp_path):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


def test_symbolic_and_computed_shapes_agree(layer, shape):
    computed = layer.compute_output_shape((2, *shape))
    symbolic = layer(keras.Input(shape, batch_size=2))
    assert tuple(symbolic.shape) == tuple(computed)
    assert tuple(layer(np.ones((2, *shape))).shape) == tuple(computed)
