import keras
import numpy as np
import pytest

from keras_lt.layers import CosineClassifier
from keras_lt.layers import LearnableWeightScaling
from tests.checks import to_numpy

KERNEL = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]], "float32")
BIAS = np.array([0.5, -1.0, 2.0], "float32")
FEATURES = np.array([[1.0, 2.0], [-0.5, 1.5], [0.0, 0.0]], "float32")


def scaled_dense():
    layer = LearnableWeightScaling(keras.layers.Dense(3))
    layer.build((None, 2))
    layer.classifier.set_weights([KERNEL, BIAS])
    return layer


def test_scales_weights_and_bias_of_each_class():
    layer = scaled_dense()
    plain = FEATURES @ KERNEL + BIAS
    np.testing.assert_allclose(to_numpy(layer(FEATURES)), plain, 1e-6)
    layer.scales.assign([2.0, 0.5, -1.0])
    expected = FEATURES.astype("float64") @ (KERNEL * [2.0, 0.5, -1.0])
    expected += BIAS * [2.0, 0.5, -1.0]
    np.testing.assert_allclose(to_numpy(layer(FEATURES)), expected, 1e-6)


def trained_names(layer):
    return [variable.name for variable in layer.trainable_variables]


@pytest.mark.parametrize("built", [False, True])
def test_scales_alone_are_trainable(built):
    dense = keras.layers.Dense(3)
    if built:
        dense.build((None, 2))
    layer = LearnableWeightScaling(dense)
    layer.build((None, 2))
    model = keras.Sequential([keras.layers.Dense(2, name="body"), layer])
    model.build((None, 2))
    assert trained_names(layer) == ["scales"]
    assert trained_names(model) == ["kernel", "bias", "scales"]
    assert trained_names(dense) == []
    model.trainable = False
    assert trained_names(model) == trained_names(layer) == []
    model.trainable = True
    assert trained_names(model) == ["kernel", "bias", "scales"]
    assert not dense.trainable
    assert not any(variable.trainable for variable in dense.variables)
    layer.trainable = False
    assert trained_names(model) == ["kernel", "bias"]
    copy = LearnableWeightScaling.from_config(layer.get_config())
    assert not copy.trainable
    copy.trainable = True
    copy.build((None, 2))
    assert trained_names(copy) == ["scales"]


def test_training_moves_the_scales_along_their_gradient():
    layer = scaled_dense()
    model = keras.Sequential([keras.Input((2,)), layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    labels = np.array([2, 0, 1])
    logits = FEATURES.astype("float64") @ KERNEL + BIAS
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    gradient = odds / odds.sum(axis=-1, keepdims=True) - np.eye(3)[labels]
    expected = 1 - (gradient * logits).mean(axis=0)
    model.fit(FEATURES, labels, batch_size=3, verbose=0)
    np.testing.assert_allclose(to_numpy(layer.scales), expected, 1e-5)
    kernel, bias = layer.classifier.get_weights()
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias, BIAS)


def test_scales_cosines():
    layer = LearnableWeightScaling(CosineClassifier(3, scale=7.0))
    layer.build((None, 2))
    layer.scales.assign([1.0, 2.0, 3.0])
    expected = to_numpy(layer.classifier(FEATURES)) * [1.0, 2.0, 3.0]
    np.testing.assert_allclose(to_numpy(layer(FEATURES)), expected, 1e-6)


def test_computes_in_float32_around_a_classifier_of_less():
    dense = keras.layers.Dense(3, dtype="mixed_bfloat16")
    layer = LearnableWeightScaling(dense, dtype="float32")
    logits = layer(FEATURES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert layer.scales.dtype == "float32"
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or None"):
        LearnableWeightScaling(dense, dtype="bfloat16")


def test_wrong_classifier_is_refused():
    with pytest.raises(ValueError, match="must be a layer.*'linear'"):
        LearnableWeightScaling("linear")
    dense = keras.layers.Dense(3, activation="softmax", name="end")
    with pytest.raises(ValueError, match="'end' with activation='softmax'"):
        LearnableWeightScaling(dense)
