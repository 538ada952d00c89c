"""What holds for every public layer; a new layer adds a line to `CASES`."""

import keras
import numpy as np
import pytest

from keras_lt import layers
from tests.checks import check_serialization
from tests.checks import to_numpy

CASES = {
    "CosineClassifier": {
        "num_classes": 3,
        "scale": 7.0,
        "kernel_regularizer": "l2",
    },
}
INITIALIZERS = {"UnitNormUniform"}


@pytest.fixture(params=sorted(CASES))
def layer(request):
    return getattr(layers, request.param)(**CASES[request.param])


def test_every_public_layer_has_a_case():
    assert set(CASES) | INITIALIZERS == set(layers.__all__)


def test_serialization(layer):
    check_serialization(layer)


def test_saved_model_gives_equal_outputs(layer, tmp_path):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


def test_symbolic_and_computed_shapes_agree(layer):
    computed = layer.compute_output_shape((2, 5))
    assert tuple(layer(np.ones((2, 5))).shape) == tuple(computed)
