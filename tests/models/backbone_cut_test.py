"""Cutting backbones: where, and into what."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import models
from keras_lt.models.backbone_cut import cut
from keras_lt.models.backbone_cut import valid_exits
from tests.checks import through_json
from tests.checks import to_numpy
from tests.models.cut_graphs import SHAPE
from tests.models.cut_graphs import check_equal
from tests.models.cut_graphs import images
from tests.models.cut_graphs import nested
from tests.models.cut_graphs import residual
from tests.models.cut_graphs import run
from tests.models.cut_graphs import sequential
from tests.quick_weights import draw_with_numpy


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


def with_operations():
    """Returns a graph that adds with `+` and halves in a model, as ConvNeXt."""
    halve = keras.Sequential(
        [
            layers.LayerNormalization(name="norm"),
            layers.Conv2D(5, 2, strides=2, name="conv"),
        ],
        name="halve",
    )
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    x = x + layers.Dense(4, name="mix")(x)
    return keras.Model(inputs, layers.Dense(2, name="last")(halve(x)))


def test_stages_of_a_residual_network():
    backbone = models.resnet20(SHAPE)
    stages = check_equal(backbone, ["stage_1", "stage_2"])
    assert [stage.input_shape for stage in stages] == [
        (None, 8, 8, 3),
        (None, 8, 8, 16),
        (None, 4, 4, 32),
    ]
    assert stages[-1].output_shape == (None, 2, 2, 64)
    assert [stage.name for stage in stages] == [
        f"resnet20_stage_{k}" for k in (1, 2, 3)
    ]


def test_no_exit_gives_the_whole():
    check_equal(residual(), [])


def test_layers_are_shared_and_each_is_in_one_stage():
    backbone = nested()
    stages = cut(backbone, ["middle/inner/stem", "middle"])
    held = [id(weight) for stage in stages for weight in stage.weights]
    assert len(held) == len(set(held))
    assert set(held) == {id(weight) for weight in backbone.weights}


def test_training_updates_the_statistics_of_the_backbone():
    backbone = residual()
    copy = through_json(backbone)
    copy.set_weights(backbone.get_weights())
    stages = cut(backbone, ["stem", "add"])
    x = images()
    made, _ = run(stages, x, training=True)
    expected = to_numpy(copy(x, training=True))
    np.testing.assert_allclose(made, expected, 1e-6, 1e-6)
    assert not np.allclose(backbone.get_layer("end_bn").moving_mean, 0)
    for one, two in zip(backbone.weights, copy.weights, strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(two), 1e-6, 1e-6)


@pytest.mark.parametrize(
    "exits",
    [
        ["middle/inner/stem"],
        ["scale", "middle/stem_conv", "middle/inner/add", "middle"],
        ["middle/inner/stem_bn", "middle/inner", "middle/end"],
    ],
    ids="+".join,
)
@pytest.mark.parametrize("training", [False, True])
def test_nested_models(exits, training):
    check_equal(nested(), exits, training=training)


def test_arguments_of_a_nested_model_hold_for_its_parts():
    inputs = keras.Input(SHAPE)
    x = residual("inner")(inputs, training=True)
    backbone = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    stages = cut(backbone, ["inner/stem", "inner/add"])
    x = images()
    made, _ = run(stages, x)
    np.testing.assert_allclose(made, to_numpy(backbone(x)), 1e-6, 1e-6)
    still, _ = run(stages, x, training=False)
    assert not np.allclose(made, still)


def test_nested_model_with_several_inputs_and_outputs():
    one, two = keras.Input(SHAPE), keras.Input(SHAPE)
    x = layers.Add(name="sum")([one, two])
    x = layers.Conv2D(4, 1, name="conv")(x)
    y = layers.Conv2D(4, 1, name="left")(x)
    z = layers.Conv2D(4, 1, name="right")(x)
    inner = keras.Model([one, two], {"y": y, "z": z}, name="inner")
    inputs = keras.Input(SHAPE)
    made = inner([inputs, layers.ReLU(name="relu")(inputs)])
    backbone = keras.Model(
        inputs, layers.Multiply(name="end")([made["y"], made["z"]])
    )
    assert valid_exits(backbone) == ["inner/sum", "inner/conv"]
    check_equal(backbone, ["inner/sum", "inner/conv"])
    with pytest.raises(ValueError, match="'inner', which has 2"):
        cut(backbone, ["inner"])


@pytest.mark.parametrize("exits", [["one"], ["inside/one", "inside"]])
def test_sequential_models(exits):
    check_equal(sequential(), exits)


def test_operations_are_layers_too():
    backbone = with_operations()
    names = valid_exits(backbone)
    assert [names[0], *names[2:]] == ["stem", "halve/norm", "halve"]
    assert names[1].startswith("add")
    check_equal(backbone, names)


def test_names_are_those_of_the_graph_and_not_of_another_with_its_layers():
    head = residual()
    inputs = keras.Input(SHAPE)
    twice = layers.Rescaling(2.0)(inputs)
    for layer in ("stem_conv", "stem_bn", "stem", "end_conv", "end_bn"):
        twice = head.get_layer(layer)(twice)
    backbone = keras.Model(inputs, twice)
    stages = check_equal(backbone, ["stem", "end_conv"])
    assert stages[1].count_params() < head.count_params() / 2
    tail = keras.Model(head.get_layer("stem").output, head.output)
    check_equal(tail, ["add"])


def test_shared_layer_on_the_way_is_in_both_stages():
    shared = layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input(SHAPE)
    x = shared(inputs)
    x = shared(layers.ReLU(name="middle")(x))
    backbone = keras.Model(inputs, layers.ReLU(name="end")(x))
    stages = check_equal(backbone, ["middle"])
    assert stages[0].weights[0] is stages[1].weights[0]
    assert valid_exits(backbone) == ["middle"]
    with pytest.raises(ValueError, match="'shared', which .* calls 2 times"):
        cut(backbone, ["shared"])


def test_layer_inside_a_model_that_is_called_twice():
    inner = residual("inner")
    inputs = keras.Input((8, 8, 4))
    inner = keras.Sequential([inputs, layers.Conv2D(4, 1, name="a")])
    inner.name = "inner"
    x = inner(layers.ReLU(name="middle")(inner(inputs)))
    backbone = keras.Model(inputs, layers.ReLU()(x))
    assert valid_exits(backbone) == ["middle"]
    with pytest.raises(ValueError, match="'inner/a', which .* calls 2 times"):
        cut(backbone, ["inner/a"])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_passes_between_the_stages(policy):
    keras.config.set_dtype_policy(policy)
    try:
        backbone = residual()
    finally:
        keras.config.set_dtype_policy("float32")
    stages = cut(backbone, ["stem", "add"])
    low = policy.removeprefix("mixed_")
    assert [stage.inputs[0].dtype for stage in stages] == ["float32", low, low]
    x = images()
    expected = to_numpy(keras.ops.cast(backbone(x), "float32"))
    for stage in stages:
        x = stage(x)
    x = to_numpy(keras.ops.cast(x, "float32"))
    np.testing.assert_array_equal(x, expected)


def test_stages_run_compiled():
    stages = cut(residual(), ["stem"])
    x = images()
    expected, _ = run(stages, x)
    for stage in stages:
        x = stage.predict_on_batch(x)
    np.testing.assert_allclose(x, expected, 1e-5, 1e-6)


def test_backbone_from_its_configuration_is_cut_alike():
    exits = ["middle/inner/stem", "middle/inner/add"]
    backbone = nested()
    copy = through_json(backbone)
    copy.set_weights(backbone.get_weights())
    assert valid_exits(copy) == valid_exits(backbone)
    x = images()
    made, _ = run(cut(copy, exits), x)
    np.testing.assert_array_equal(made, to_numpy(backbone(x)))


def test_features_of_any_layer():
    backbone = nested()
    wanted = ["scale", "middle/inner/branch_conv", "middle/inner/stem", "end"]
    exits = ["middle/inner/stem", "middle"]
    stages = cut(backbone, exits, feature_layers=wanted)
    assert [sorted(dict(stage.output)) for stage in stages] == [
        ["features/middle/inner/stem", "features/scale", "out"],
        ["features/middle/inner/branch_conv", "out"],
        ["features/end", "out"],
    ]
    x = images()
    made, features = run(stages, x)
    np.testing.assert_array_equal(made, to_numpy(backbone(x)))
    np.testing.assert_array_equal(to_numpy(features["features/end"]), made)
    middle = backbone.get_layer("middle")
    inner = middle.get_layer("inner")
    scaled = 2 * x
    np.testing.assert_allclose(features["features/scale"], scaled, 1e-6)
    stem = keras.Model(inner.input, inner.get_layer("stem").output)(
        middle.get_layer("stem_conv")(scaled)
    )
    expected = inner.get_layer("branch_conv")(stem)
    np.testing.assert_allclose(
        to_numpy(features["features/middle/inner/branch_conv"]),
        to_numpy(expected),
        1e-5,
        1e-6,
    )


def test_stages_without_a_feature_return_a_tensor():
    stages = cut(residual(), ["stem", "add"], feature_layers=["branch"])
    assert [isinstance(stage.output, dict) for stage in stages] == [0, 1, 0]
