"""Features of layers that are named as exits are."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import models
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import images
from tests.models.small_models import small_backbone


def nested():
    inputs = keras.Input((6, 6, 3))
    x = small_backbone()(layers.Rescaling(2.0)(inputs))
    return keras.Model(inputs, layers.ReLU()(x))


def test_layer_of_a_model_inside():
    backbone = nested()
    name = "small/stage_1"
    model = models.LongTailModel(backbone, CLASSES, feature_layers=[name])
    assert model.feature_shape(name) == (None, 4, 4, 5)
    x, _ = images()
    made = to_numpy(model(x)[f"features/{name}"])
    layer = backbone.get_layer("small").get_layer("stage_1")
    np.testing.assert_allclose(made, to_numpy(layer(2 * x)), 1e-5, 1e-6)


def test_layer_whose_first_call_is_in_another_graph():
    whole = small_backbone()
    inputs = keras.Input((6, 6, 3))
    x = layers.Rescaling(3.0)(inputs)
    for name in ("stage_1", "norm", "stage_2"):
        x = whole.get_layer(name)(x)
    backbone = keras.Model(inputs, x)
    model = models.LongTailModel(backbone, CLASSES, feature_layers=["stage_1"])
    x, _ = images()
    made = to_numpy(model(x)["features/stage_1"])
    expected = to_numpy(whole.get_layer("stage_1")(3 * x))
    np.testing.assert_allclose(made, expected, 1e-5, 1e-6)


def test_layer_that_is_called_twice():
    shared = layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input((6, 6, 3))
    backbone = keras.Model(inputs, layers.ReLU()(shared(shared(inputs))))
    with pytest.raises(ValueError, match="`feature_layers` .* calls 2 times"):
        models.LongTailModel(backbone, CLASSES, feature_layers=["shared"])
