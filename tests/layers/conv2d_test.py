"""The layer gives what that of Keras gives, without copies on PyTorch."""

import keras
import numpy as np
import pytest

from keras_lt import layers
from tests.checks import to_numpy

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(3, 6, 7, 4)).astype("float32")
OPTIONS = [
    {},
    {"padding": "same"},
    {"padding": "same", "kernel_size": (2, 3)},
    {"padding": "same", "kernel_size": 4, "strides": 3},
    {"padding": "same", "strides": 2},
    {"padding": "same", "strides": (1, 2)},
    {"padding": "same", "kernel_size": 1, "strides": 3},
    {"padding": "same", "dilation_rate": (2, 1)},
    {"strides": 2, "dilation_rate": 1, "groups": 2},
    {"padding": "same", "activation": "relu", "use_bias": False},
]


def made(kind, kernel_size=3, **options):
    layer = kind(8, kernel_size, **options)
    layer.build(MAPS.shape)
    generator = np.random.default_rng(1)
    layer.set_weights(
        [generator.normal(size=one.shape) for one in layer.weights]
    )
    return layer


def both(options):
    kinds = (layers.Conv2D, keras.layers.Conv2D)
    return [made(kind, **options) for kind in kinds]


def weights_after_a_step(layer):
    """The shift stands for the gradient of the input."""
    inputs = keras.Input(MAPS.shape[1:])
    shift = keras.layers.BatchNormalization(center=True, scale=False)
    model = keras.Model(inputs, layer(shift(inputs)))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    target = np.random.default_rng(2).normal(size=(3, *model.output_shape[1:]))
    model.fit(MAPS, target, batch_size=3, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("stride", [1, 2])
def test_outputs_are_those_of_the_equation(stride):
    layer = made(layers.Conv2D, padding="same", strides=stride)
    kernel, bias = (one.astype("float64") for one in layer.get_weights())
    found = to_numpy(layer(MAPS))
    height, width = (-(-size // stride) for size in MAPS.shape[1:3])
    assert found.shape == (3, height, width, 8)
    before = [
        max((rows - 1) * stride + 3 - size, 0) // 2
        for rows, size in zip((height, width), MAPS.shape[1:3], strict=True)
    ]
    padded = np.pad(MAPS, [(0, 0), *((one, 3) for one in before), (0, 0)])
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            seen = padded[:, top : top + 3, left : left + 3]
            expected = np.einsum("bhwc,hwcf->bf", seen, kernel) + bias
            np.testing.assert_allclose(
                found[:, row, column], expected, rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_outputs_are_those_of_keras(options):
    ours, theirs = (to_numpy(layer(MAPS)) for layer in both(options))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS[:6], ids=str)
def test_a_step_of_training_is_that_of_keras(options):
    ours, theirs = map(weights_after_a_step, both(options))
    for one, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


def test_channels_may_come_first():
    if keras.config.backend() == "tensorflow":
        pytest.skip("TensorFlow has no such convolution for a CPU")
    maps = MAPS.transpose(0, 3, 1, 2)
    found = []
    for kind in (layers.Conv2D, keras.layers.Conv2D):
        layer = kind(8, 3, data_format="channels_first")
        layer.build(maps.shape)
        layer.set_weights(made(kind).get_weights())
        found.append(to_numpy(layer(maps)))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_that_of_keras(policy):
    options = {"padding": "same", "dtype": policy}
    found = [layer(MAPS) for layer in both(options)]
    for one in found:
        dtype = keras.backend.standardize_dtype(one.dtype)
        assert dtype == policy.removeprefix("mixed_")
    ours, theirs = (to_numpy(keras.ops.cast(one, "float32")) for one in found)
    np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-2)


def test_files_of_weights_are_those_of_keras(tmp_path):
    ours, theirs = (
        keras.Sequential([keras.Input(MAPS.shape[1:]), layer])
        for layer in both({"padding": "same"})
    )
    ours.set_weights([0 * one for one in ours.get_weights()])
    theirs.save_weights(tmp_path / "old.weights.h5")
    ours.load_weights(tmp_path / "old.weights.h5")
    for one, other in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(
    keras.config.backend() != "torch", reason="the copies are those of torch"
)
@pytest.mark.parametrize("strides", [1, 2])
def test_maps_are_not_copied(strides):
    import torch

    maps = keras.ops.convert_to_tensor(MAPS)
    for layer, copies in zip(
        both({"strides": strides, "padding": "same", "use_bias": False}),
        (False, True),
        strict=True,
    ):
        with torch.profiler.profile(record_shapes=True) as profile:
            outputs = layer(maps)
        copied = [
            event
            for event in profile.events()
            if event.name == "aten::clone"
            and maps.numel() == np.prod(event.input_shapes[0])
        ]
        assert bool(copied) == copies
        channels_first = outputs.permute(0, 3, 1, 2)
        assert channels_first.is_contiguous(memory_format=torch.channels_last)
