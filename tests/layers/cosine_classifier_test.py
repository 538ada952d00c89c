import keras
import numpy as np
import pytest

from keras_lt.layers import CosineClassifier
from tests.checks import to_numpy
from tests.gradients import gradient

FEATURES = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")


def built(**kwargs):
    layer = CosineClassifier(4, **kwargs)
    layer.build((None, 6))
    return layer


def test_matches_equation():
    layer = built(scale=12.0)
    kernel = np.random.default_rng(1).normal(size=(6, 4))
    layer.kernel.assign(kernel)
    features = FEATURES.astype("float64")
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    prototypes = kernel / np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(
        to_numpy(layer(FEATURES)), 12 * features @ prototypes, atol=1e-5
    )


def test_length_of_features_and_prototypes_does_not_matter():
    layer = built()
    before = to_numpy(layer(FEATURES))
    layer.kernel.assign(7.0 * layer.kernel)
    np.testing.assert_allclose(
        to_numpy(layer(1e3 * FEATURES)), before, atol=2e-4
    )


def test_prototypes_start_with_length_one():
    lengths = np.linalg.norm(to_numpy(built().kernel), axis=0)
    np.testing.assert_allclose(lengths, np.ones(4), rtol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e15])
def test_values_and_gradient_are_finite_for_features_of_any_length(size):
    layer = built()
    features = np.full((2, 6), size, dtype="float32")
    assert np.all(np.isfinite(to_numpy(layer(features))))
    assert np.all(np.isfinite(gradient(layer, features)))


def test_a_feature_of_length_zero_gives_zeros():
    zeros = np.zeros((1, 6), dtype="float32")
    np.testing.assert_array_equal(to_numpy(built()(zeros)), np.zeros((1, 4)))


def test_leading_axes_are_kept():
    layer = built()
    features = np.stack([FEATURES, -FEATURES], axis=1)
    result = to_numpy(layer(features))
    assert layer.compute_output_shape((None, 2, 6)) == (None, 2, 4)
    np.testing.assert_allclose(result[:, 0], to_numpy(layer(FEATURES)), 1e-5)
    np.testing.assert_allclose(result[:, 1], -result[:, 0], 1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_stays_float32_under_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(6)
        layer = CosineClassifier(4)
        model = keras.Model(inputs, layer(hidden(inputs)))
    finally:
        keras.config.set_dtype_policy("float32")
    logits = model(FEATURES)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert layer.kernel.dtype == layer.compute_dtype == "float32"
    features = to_numpy(keras.ops.cast(hidden(FEATURES), "float32"))
    np.testing.assert_allclose(
        to_numpy(logits), to_numpy(layer(features)), atol=1e-4
    )


def test_regularizer_counts():
    layer = built(kernel_regularizer=keras.regularizers.L2(0.5))
    layer(FEATURES)
    expected = 0.5 * np.sum(to_numpy(layer.kernel) ** 2)
    (penalty,) = layer.losses
    np.testing.assert_allclose(to_numpy(penalty), expected, rtol=1e-5)


def test_other_initializers_are_taken():
    layer = built(kernel_initializer="ones")
    np.testing.assert_array_equal(to_numpy(layer.kernel), np.ones((6, 4)))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must .*num_classes=0"),
        ({"num_classes": 3, "scale": 0.0}, "`scale` must .*scale=0.0"),
        ({"num_classes": 3, "dtype": "float16"}, "`dtype` must .*'float16'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CosineClassifier(**arguments)


def test_features_of_unknown_size_are_refused():
    with pytest.raises(ValueError, match="last axis of known size"):
        CosineClassifier(3).build((None, None))
