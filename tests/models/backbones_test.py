"""Backbones of other libraries inside `LongTailModel`, without downloads."""

import keras
import numpy as np
import pytest

from keras_lt import models
from tests.models.library_backbones import SHAPE
from tests.models.library_backbones import SMALL


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_predicts_and_trains(name):
    backbone = SMALL[name]()
    model = models.LongTailModel(backbone, num_classes=4, weight_decay=1e-3)
    x = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype("float32")
    features = backbone.predict_on_batch(x).mean((1, 2))
    kernel, bias = model.classifier.get_weights()
    logits = model.predict_on_batch(x)
    np.testing.assert_allclose(logits, features @ kernel + bias, 1e-4, 1e-5)

    before = [np.array(weight) for weight in backbone.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss=loss)
    history = model.fit(x, np.arange(4), verbose=0)
    assert np.isfinite(history.history["loss"][0])
    moved = [
        not np.array_equal(one, two)
        for one, two in zip(before, backbone.get_weights(), strict=True)
    ]
    assert np.mean(moved) > 0.9
