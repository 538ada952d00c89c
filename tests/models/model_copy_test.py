"""Copies answer as the model that they are of."""

import keras
import numpy as np
import pytest

from keras_lt import posthoc
from keras_lt import training
from keras_lt.models import LongTailModel
from keras_lt.models.model_copy import copy_of
from tests.models.small_models import CLASSES

X = np.array([[11.0, 25.0], [10.0, 21.0]], "float32")


def adapted():
    layer = keras.layers.Normalization()
    layer.adapt(np.array([[10.0, 20.0], [14.0, 28.0]], "float32"))
    return layer


def plain_model():
    layers = [adapted(), keras.layers.Dense(CLASSES, name="logits")]
    return keras.Sequential([keras.Input((2,)), *layers])


def long_tail_model():
    inputs = keras.Input((2,))
    backbone = keras.Model(inputs, adapted()(inputs))
    return LongTailModel(backbone, CLASSES)


@pytest.mark.parametrize(
    "copy",
    [
        copy_of,
        lambda model: posthoc.tau_normalized(model, 0.0, keep_bias=True),
        lambda model: training.with_weight_scaling(model, "logits"),
    ],
    ids=["copy_of", "tau_normalized", "with_weight_scaling"],
)
@pytest.mark.parametrize("make", [plain_model, long_tail_model])
def test_copy_normalizes_as_the_layer_was_adapted(make, copy):
    """Keras computes with other tensors than the variables of this layer."""
    model = make()
    np.testing.assert_allclose(
        copy(model).predict(X, verbose=0),
        model.predict(X, verbose=0),
        1e-5,
        1e-6,
    )
