"""The residual networks against their equations, in NumPy."""

import functools

import keras
import numpy as np
import pytest

from keras_lt import models
from keras_lt import objectives
from tests.checks import to_numpy

DEPTHS = [(20, 3), (32, 5), (44, 7), (56, 9)]


def convolve(x, kernel, strides):
    """Cross-correlation with one pixel of zeros on every side, as in torch."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    windows = windows[:, ::strides, ::strides]
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel, optimize=True)


def normalize(x, weights, training):
    gamma, beta, mean, variance = weights
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def reference(x, weights, blocks, training):
    """The outputs of the three stages; `weights` in the order of creation."""
    weights = iter(np.asarray(w, "float64") for w in weights)

    def unit(x, strides):
        x = convolve(x, next(weights), strides)
        return normalize(x, [next(weights) for _ in range(4)], training)

    x = np.maximum(unit(x.astype("float64"), 1), 0)
    stages = []
    for stage in range(3):
        for block in range(blocks):
            strides = 2 if stage > 0 and block == 0 else 1
            y = unit(np.maximum(unit(x, strides), 0), 1)
            side = (y.shape[-1] - x.shape[-1]) // 2
            shortcut = x[:, ::strides, ::strides]
            shortcut = np.pad(shortcut, ((0, 0),) * 3 + ((side, side),))
            x = np.maximum(y + shortcut, 0)
        stages.append(x)
    return stages


def shake(model):
    """Gives every variable a value that tells it from its neighbours."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) == 1:
            low, high = (-0.1, 0.1) if variable.name == "beta" else (0.5, 1.0)
            variable.assign(rng.uniform(low, high, variable.shape))


def stages_of(model):
    outputs = [model.get_layer(f"stage_{i}").output for i in (1, 2, 3)]
    return keras.Model(model.input, outputs)


@pytest.mark.parametrize(
    ("depth", "blocks", "shape"),
    [(32, 5, (32, 32, 3)), (20, 3, (8, 8, 1)), (20, 3, (9, 7, 2))],
)
def test_forward_pass_matches_reference(depth, blocks, shape):
    model = getattr(models, f"resnet{depth}")(shape)
    shake(model)
    stages = stages_of(model)
    x = np.random.default_rng(1).normal(size=(4, *shape)).astype("float32")
    for training in (False, True):  # The second moves what the first reads.
        expected = reference(x, model.get_weights(), blocks, training)
        outputs = stages(x, training=training)
        for output, value in zip(outputs, expected, strict=True):
            output = keras.ops.convert_to_numpy(output)
            np.testing.assert_allclose(output, value, rtol=1e-4, atol=1e-4)


def test_training_moves_the_running_statistics_by_a_tenth():
    model = models.resnet20((8, 8, 1))
    x = np.random.default_rng(1).normal(size=(4, 8, 8, 1)).astype("float32")
    kernel = np.asarray(model.get_weights()[0], "float64")
    features = convolve(x.astype("float64"), kernel, 1)
    model(x, training=True)
    mean, variance = model.get_weights()[3:5]
    np.testing.assert_allclose(mean, 0.1 * features.mean((0, 1, 2)), 1e-4, 1e-6)
    np.testing.assert_allclose(
        variance, 0.9 + 0.1 * features.var((0, 1, 2)), 1e-4
    )


@pytest.fixture(scope="module")
def network():
    """Returns a function of the depth, which makes each network once."""

    @functools.cache
    def make(depth):
        keras.utils.set_random_seed(0)
        return getattr(models, f"resnet{depth}")()

    return make


@pytest.mark.parametrize(("depth", "blocks"), DEPTHS)
def test_number_of_parameters(depth, blocks, network):
    model = network(depth)
    # 3x3 kernels; each later stage starts with one from half the channels.
    kernels = 27 * 16 + 9 * 16 * 16 * 2 * blocks
    for filters in (32, 64):
        kernels += 9 * filters * (filters // 2 + filters * (2 * blocks - 1))
    channels = 16 + 2 * blocks * (16 + 32 + 64)
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trainable == kernels + 2 * channels
    assert model.count_params() == kernels + 4 * channels
    assert model.name == f"resnet{depth}"


def test_resnet32_has_the_parameters_of_the_paper():
    model = models.resnet32(pooling="avg")
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    head = 64 * 10 + 10
    assert trainable + head == 464_154
    assert model.output_shape == (None, 64)


def test_pooling_is_the_mean_over_the_pixels():
    features = models.resnet20((8, 8, 1))
    pooled = models.resnet20((8, 8, 1), pooling="avg")
    pooled.set_weights(features.get_weights())
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 1)).astype("float32")
    expected = keras.ops.convert_to_numpy(features(x)).mean((1, 2))
    output = keras.ops.convert_to_numpy(pooled(x))
    np.testing.assert_allclose(output, expected, 1e-5, 1e-6)


def test_kernels_start_with_the_spread_of_kaiming(network):
    model = network(32)
    kernels = [w for w in model.get_weights() if w.ndim == 4]
    for kernel in kernels[-10:]:
        expected = np.sqrt(2 / np.prod(kernel.shape[:3]))
        np.testing.assert_allclose(kernel.std(), expected, rtol=0.03)
        assert np.abs(kernel).max() > 3 * expected  # It is not truncated.
    assert not np.allclose(kernels[-1], kernels[-2])


def test_file_comes_back_with_decay_and_outputs(tmp_path):
    model = models.resnet20((8, 8, 1), weight_decay=1e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loaded(x)),
        keras.ops.convert_to_numpy(model(x)),
        1e-5,
        1e-6,
    )
    penalty = float(sum(model.losses))
    assert penalty > 0
    np.testing.assert_allclose(float(sum(loaded.losses)), penalty, 1e-5)


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="Keras synchronizes batch normalization on TensorFlow only",
)
def test_synchronized_reaches_every_normalization():
    model = models.resnet20((8, 8, 1), synchronized=True)
    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(layers) == 19
    assert all(layer.synchronized for layer in layers)


def test_stays_channels_last_whatever_the_setting():
    setting = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        pooled = models.resnet20((8, 8, 1), pooling="avg")
        backbone = models.resnet20((8, 8, 1))
        model = models.LongTailModel(backbone, 10)
        exits = models.EarlyExitModel(backbone, ["stage_1"], 10)
        first = keras.Sequential(
            [keras.Input((1, 8, 8)), keras.layers.Conv2D(3, 3, name="first")]
        )
        for make in (
            lambda: models.LongTailModel(first, 10),
            lambda: models.EarlyExitModel(first, [], 10),
            lambda: objectives.Teacher(first, features="first"),
        ):
            with pytest.raises(ValueError, match="'first'.*'channels_first'"):
                make()
        maps = keras.Sequential(
            [keras.Input((1, 8)), keras.layers.Conv1D(3, 3, name="first")]
        )
        with pytest.raises(ValueError, match="'first'.*'channels_first'"):
            models.LongTailModel(maps, 10)
        first.add(keras.layers.GlobalAveragePooling2D())
        first = models.LongTailModel(first, 10)
    finally:
        keras.config.set_image_data_format(setting)
    assert pooled.get_layer("stage_1").output.shape == (None, 8, 8, 16)
    assert pooled.output_shape == (None, 64)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    expected = to_numpy(backbone(x)).mean(axis=(1, 2))
    found = to_numpy(model(x)["features"])
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)
    assert exits.branches[0].body(backbone(x)[:, :, :, :16]).shape[-1] == 64
    assert first.feature_shape(None) == (None, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "max"}, "`pooling` must be one of None, 'avg'"),
        ({"width": 0}, "`width` must be a whole number, 1 or greater"),
        ({"weight_decay": -1.0}, "`weight_decay` must be a finite number, 0"),
        ({"input_shape": (32, 32)}, r"`input_shape` must be \(height, width"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.resnet32(**arguments)
