import keras
import numpy as np
import pytest

from keras_lt.layers import ExitBlock
from tests.checks import to_numpy

MAPS = np.random.default_rng(0).normal(size=(3, 5, 8, 2)).astype("float32")


@pytest.mark.parametrize(
    ("filters", "shape"),
    [([4], (3, 4, 4)), ([4, 6], (2, 2, 6)), ([4, 6, 5], (1, 1, 5))],
)
@pytest.mark.parametrize("separable", [False, True])
def test_each_step_halves_the_map(filters, shape, separable):
    block = ExitBlock(filters, separable=separable)
    assert tuple(block(MAPS).shape) == (3, *shape)
    assert block.compute_output_shape((None, 5, 8, 2)) == (None, *shape)
    weights, channels = 0, 2
    for number in filters:
        pixels = 9 * channels
        weights += pixels + channels * number if separable else pixels * number
        weights += 4 * number  # Scale, shift, mean and variance.
        channels = number
    assert block.count_params() == weights


def test_a_step_is_convolution_normalization_and_relu():
    """In NumPy: with a border of zeros, below and right if they are odd."""
    block = ExitBlock([3])
    block.build(MAPS.shape)
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 2, 3))
    gamma, beta, mean = rng.normal(size=(3, 3))
    variance = rng.uniform(0.5, 2.0, 3)
    block.set_weights([kernel, gamma, beta, mean, variance])
    padded = np.pad(MAPS, ((0, 0), (1, 1), (0, 1), (0, 0))).astype("float64")
    expected = np.empty((3, 3, 4, 3))
    for i in range(3):
        for j in range(4):
            patch = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            expected[:, i, j] = np.einsum("nhwc,hwcf->nf", patch, kernel)
    expected = (expected - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(
        to_numpy(block(MAPS)), np.maximum(expected, 0), 1e-4, 1e-5
    )


def test_statistics_move_by_a_tenth_in_training_alone():
    block = ExitBlock([3])
    block.build(MAPS.shape)
    mean = block.weights[3]
    assert mean.path.endswith("moving_mean")
    block(MAPS)
    np.testing.assert_array_equal(to_numpy(mean), np.zeros(3))
    maps = to_numpy(block.steps[0](MAPS))
    block(MAPS, training=True)
    np.testing.assert_allclose(
        to_numpy(mean), 0.1 * maps.mean(axis=(0, 1, 2)), 1e-4, 1e-6
    )


def test_steps_follow_the_precision_of_the_block():
    block = ExitBlock([3, 4], separable=True, dtype="mixed_bfloat16")
    found = block(MAPS)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert {one.dtype for one in block.weights} == {"float32"}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([], r"one step or more. Received: filters=\[\]"),
        ([4, 0], "`filters` must be a whole number, 1 or greater"),
        ([4.5], "`filters` must be a whole number, 1 or greater"),
    ],
)
def test_bad_filters(filters, message):
    with pytest.raises(ValueError, match=message):
        ExitBlock(filters)
