"""The layer gives what that of Keras gives, by the kernel of the backend."""

import keras
import numpy as np
import pytest

from keras_lt import layers
from keras_lt.layers import batch_normalization
from keras_lt.layers._fused_statistics import fused_normalization
from tests.checks import to_numpy

RNG = np.random.default_rng(0)
MAPS = RNG.normal(2.0, 3.0, (3, 4, 5, 6)).astype("float32")
PULL = RNG.normal(size=MAPS.shape).astype("float32")
NAMES = ("gamma", "beta", "moving_mean", "moving_variance")
WEIGHTS = {name: RNG.uniform(0.5, 2.0, 6).astype("float32") for name in NAMES}


def with_weights(layer, shape=MAPS.shape):
    layer.build(shape)
    for weight in layer.weights:
        if weight.name in WEIGHTS:
            weight.assign(WEIGHTS[weight.name])
    return layer


def normalized(maps, epsilon):
    """Outputs, and moving statistics after one step, in float64."""
    gamma, beta, *moving = (WEIGHTS[name].astype("float64") for name in NAMES)
    mean, variance = maps.mean((0, 1, 2)), maps.var((0, 1, 2))
    outputs = gamma * (maps - mean) / np.sqrt(variance + epsilon) + beta
    return outputs, [
        0.9 * average + 0.1 * found
        for average, found in zip(moving, (mean, variance), strict=True)
    ]


class Pulled(keras.Model):
    """Lowers the sum of its outputs, each times a number of its own."""

    def __init__(self, layer):
        super().__init__()
        self.shift = self.add_weight(shape=MAPS.shape[1:], name="shift")
        self.layer = layer

    def build(self, shape):
        self.built = True

    def call(self, x, training=None):
        return self.layer(x + self.shift, training=training)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return keras.ops.sum(keras.ops.cast(y_pred, "float32") * y)


def weights_after_a_step(layer):
    keras.utils.set_random_seed(0)
    model = Pulled(with_weights(layer))
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(MAPS, PULL, batch_size=len(MAPS), verbose=0)
    return {weight.path: to_numpy(weight) for weight in model.weights}


@pytest.fixture
def kernel_calls(monkeypatch):
    """Collects what the kernel of the backend is called with."""
    calls = []
    kernel = fused_normalization()

    def counted(*arguments):
        calls.append(arguments)
        return kernel(*arguments)

    monkeypatch.setattr(
        batch_normalization, "fused_normalization", lambda: kernel and counted
    )
    return calls


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 0.5])
def test_outputs_and_statistics_are_those_of_the_equation(
    epsilon, kernel_calls
):
    layer = layers.BatchNormalization(momentum=0.9, epsilon=epsilon)
    found = to_numpy(with_weights(layer)(MAPS, training=True))
    outputs, statistics = normalized(MAPS.astype("float64"), epsilon)
    np.testing.assert_allclose(found, outputs, rtol=1e-5, atol=2e-6)
    for weight, expected in zip(layer.weights[2:], statistics, strict=True):
        np.testing.assert_allclose(to_numpy(weight), expected, rtol=1e-5)
    assert len(kernel_calls) == (keras.config.backend() != "jax")


@pytest.mark.parametrize(
    "options",
    [{}, {"scale": False}, {"center": False}, {"momentum": 0.5}, {"axis": 3}],
)
def test_a_step_of_training_is_that_of_keras(options):
    """Gradients of inputs and of weights, and the moving statistics."""
    ours = weights_after_a_step(layers.BatchNormalization(**options))
    other = weights_after_a_step(keras.layers.BatchNormalization(**options))
    assert len(ours) == len(other)
    for one, expected in zip(ours.values(), other.values(), strict=True):
        np.testing.assert_allclose(one, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_statistics_stay_in_float32(policy, kernel_calls):
    layer = with_weights(layers.BatchNormalization(dtype=policy, momentum=0.9))
    half = keras.ops.cast(MAPS, layer.compute_dtype)
    outputs, statistics = normalized(
        to_numpy(keras.ops.cast(half, "float32")).astype("float64"), 1e-3
    )
    found = layer(half, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    found = to_numpy(keras.ops.cast(found, "float32"))
    np.testing.assert_allclose(found, outputs, rtol=1e-2, atol=1e-2)
    for weight, expected in zip(layer.weights[2:], statistics, strict=True):
        np.testing.assert_allclose(to_numpy(weight), expected, rtol=1e-5)
    assert len(kernel_calls) == (keras.config.backend() != "jax")


@pytest.mark.parametrize(
    ("options", "maps", "call"),
    [
        ({}, MAPS, {"training": False}),
        ({"trainable": False}, MAPS, {"training": True}),
        ({"renorm": True}, MAPS, {"training": True}),
        ({}, MAPS, {"training": True, "mask": MAPS[..., 0] > 2}),
        ({}, MAPS[:, 0, 0], {"training": True}),
        ({"axis": 1}, MAPS.swapaxes(1, 3), {"training": True}),
        ({"dtype": "float64"}, MAPS, {"training": True}),
        ({"dtype": "bfloat16"}, MAPS, {"training": True}),
    ],
    ids=[
        "use",
        "frozen",
        "renorm",
        "mask",
        "vectors",
        "axis",
        "float64",
        "bfloat16",
    ],
)
def test_what_the_kernel_cannot_do_is_done_by_keras(
    options, maps, call, kernel_calls
):
    expected, found = (
        to_numpy(
            keras.ops.cast(
                with_weights(kind(**options), maps.shape)(maps, **call),
                "float64",
            )
        )
        for kind in (keras.layers.BatchNormalization, layers.BatchNormalization)
    )
    np.testing.assert_array_equal(found, expected)
    assert not kernel_calls


def test_one_pixel_of_one_image_becomes_the_shift():
    layer = with_weights(layers.BatchNormalization())
    found = to_numpy(layer(MAPS[:1, :1, :1], training=True))
    np.testing.assert_allclose(found[0, 0, 0], WEIGHTS["beta"], rtol=1e-4)
    assert np.all(np.isfinite([to_numpy(weight) for weight in layer.weights]))


def test_files_of_weights_are_those_of_keras(tmp_path):
    def model(kind):
        inputs = keras.Input(MAPS.shape[1:])
        return keras.Model(inputs, kind()(kind()(inputs)))

    old = model(keras.layers.BatchNormalization)
    new = model(layers.BatchNormalization)
    old.set_weights([RNG.uniform(0.5, 2.0, 6) for _ in old.weights])
    old.save_weights(tmp_path / "old.weights.h5")
    new.load_weights(tmp_path / "old.weights.h5")
    expected = old.predict(MAPS, verbose=0)
    np.testing.assert_array_equal(new.predict(MAPS, verbose=0), expected)
