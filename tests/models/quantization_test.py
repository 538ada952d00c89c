"""A model of integers answers as before, and comes back as such."""

import keras
import numpy as np
import pytest

from keras_lt import posthoc
from keras_lt.models import LongTailModel
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import dense_model
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* `quantize`")


def plain_model():
    return LongTailModel(dense_backbone(), CLASSES, projection_dim=6)


def model_with_exits():
    body = keras.Sequential([keras.layers.Dense(4, activation="relu")])
    return dense_model(branch=body, projection_dim=6)


def dtypes(model):
    return {one.path: one.dtype for one in model.weights}


@pytest.mark.parametrize("make", [plain_model, model_with_exits])
@pytest.mark.parametrize("mode, error", [("int8", 0.04), ("int4", 0.4)])
def test_comes_back_as_it_was_saved(make, mode, error, tmp_path):
    model, (x, _) = make(), vectors()
    before = model.predict(x, verbose=0)
    model.quantize(mode)
    answers = model.predict(x, verbose=0)
    assert 0 < np.abs(answers - before).max() < error * np.abs(before).max()
    kernels = [one for one in model.weights if one.path.endswith("kernel")]
    assert {one.dtype for one in kernels} == {"int8"}

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert dtypes(loaded) == dtypes(model)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), answers)

    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x, verbose=0), answers)


def test_class_means_of_quantized_features():
    model, (x, y) = model_with_exits(), vectors()
    expected = posthoc.with_class_means(model, x, y).exit_logits(x, verbose=0)
    model.quantize("int8")
    means = posthoc.with_class_means(model, x, y)
    found = means.exit_logits(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert np.abs(found - expected).max() > 0
    kinds = {one.dtype for one in means.branches[0].body.weights}
    assert "int8" in kinds


def test_layers_of_other_kinds_stay_as_they_are(tmp_path):
    """A cosine classifier has no integers, and works beside them."""
    model, (x, _) = dense_model(classifier="cosine"), vectors()
    model.quantize("int8")
    assert "float32" in {
        one.dtype for one in model.weights if one.path.endswith("kernel")
    }
    answers = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), answers)
