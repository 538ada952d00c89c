import importlib

import keras
import numpy as np
import pytest

from keras_lt.layers import MixedPooling
from tests.checks import to_numpy
from tests.gradients import gradient

MAPS = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")


def cells(maps, size):
    """Yields the pixels of each cell, which overlap if they must."""
    height, width = maps.shape[1:3]
    for i in range(size):
        rows = slice(i * height // size, -(-(i + 1) * height // size))
        for j in range(size):
            columns = slice(j * width // size, -(-(j + 1) * width // size))
            yield maps[:, rows, columns].astype("float64")


def expected(maps, size, share):
    parts = [
        share * cell.max(axis=(1, 2)) + (1 - share) * cell.mean(axis=(1, 2))
        for cell in cells(maps, size)
    ]
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (3, 5), (1, 1)])
@pytest.mark.parametrize("mixture", [0.0, -1.5, 30.0])
def test_mixes_mean_and_maximum_of_each_cell(size, shape, mixture):
    maps = np.tile(MAPS, (1, 1, 2, 1))[:, : shape[0], : shape[1]]
    layer = MixedPooling(size)
    layer.build(maps.shape)
    layer.mixture.assign(mixture)
    share = 1 / (1 + np.exp(-mixture))
    np.testing.assert_allclose(
        to_numpy(layer(maps)), expected(maps, size, share), 1e-5, 1e-6
    )


def test_starts_half_and_half_and_learns():
    layer = MixedPooling(2)
    layer.build(MAPS.shape)
    assert len(layer.trainable_variables) == 1
    assert float(layer.mixture) == 0.0
    inputs = keras.Input(MAPS.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(1.0), "mean_squared_error")
    model.fit(MAPS, expected(MAPS, 2, share=1.0), epochs=3, verbose=0)
    assert float(layer.mixture) > 0.1


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_low_precision(dtype):
    layer = MixedPooling(2, dtype=dtype)
    found = layer(MAPS)
    assert keras.backend.standardize_dtype(found.dtype) == dtype[6:]
    assert layer.mixture.dtype == "float32"
    np.testing.assert_allclose(
        to_numpy(keras.ops.cast(found, "float32")),
        expected(MAPS, 2, 0.5),
        atol=0.03,
    )


def test_gradient_reaches_all_pixels():
    slopes = gradient(MixedPooling(2), MAPS)
    assert (slopes > 0).all()
    np.testing.assert_allclose(slopes.sum(axis=(1, 2)), 4.0, 1e-5)


def test_gradient_of_a_maximum_goes_to_one_pixel_that_has_it():
    maps = np.array([[0.0, 3.0], [3.0, 3.0]], "float32")[None, :, :, None]
    layer = MixedPooling(1)
    layer.build(maps.shape)
    layer.mixture.assign(np.log(3.0))  # Three quarters of the maximum.
    expected = 1 / 16 + np.array([[0, 0], [0.75, 0]])
    np.testing.assert_allclose(gradient(layer, maps)[0, ..., 0], expected, 1e-6)


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_bad_size(size):
    with pytest.raises(ValueError, match="`size` must be a whole number, 1 or"):
        MixedPooling(size)


@pytest.mark.parametrize("shape", [(None, None, 3), (6, None, 3), (6, 3)])
def test_maps_must_be_of_known_size(shape):
    with pytest.raises(ValueError, match="feature maps of known size"):
        MixedPooling()(keras.Input(shape))


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="shapes are always known"
)
def test_sizes_of_images_may_be_those_of_the_build():
    tf = importlib.import_module("tensorflow")
    layer = MixedPooling(2)
    layer.build(MAPS.shape)
    spec = tf.TensorSpec((None, None, None, 3))
    found = tf.function(layer, input_signature=[spec])(MAPS)
    np.testing.assert_allclose(found, expected(MAPS, 2, 0.5), 1e-5, 1e-6)
