"""Cutting backbones: where, into what, and what is refused."""

import re
import types

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import models
from keras_lt.models.backbone_cut import cut
from keras_lt.models.backbone_cut import valid_exits
from tests.checks import through_json
from tests.checks import to_numpy
from tests.quick_weights import draw_with_numpy

SHAPE = (8, 8, 3)


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


def images(rows=3, shape=SHAPE):
    return np.random.default_rng(0).normal(size=(rows, *shape)).astype("f4")


def run(stages, x, **kwargs):
    """Runs stages one after the other, and collects the features."""
    features = {}
    for stage in stages:
        x = stage(x, **kwargs)
        if isinstance(x, dict):
            features.update(x)
            x = features.pop("out")
    return to_numpy(x), features


def check_equal(backbone, exits, **kwargs):
    """Checks that the stages give exactly what the backbone gives."""
    x = images(2, backbone.inputs[0].shape[1:])
    stages = cut(backbone, exits)
    assert len(stages) == len(exits) + 1
    expected = to_numpy(backbone(x, **kwargs))
    assert np.std(expected) > 0
    np.testing.assert_array_equal(run(stages, x, **kwargs)[0], expected)
    return stages


def normalized(x, name, filters=4):
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.5, name=f"{name}_bn")(x)
    return layers.ReLU(name=name)(x)


def residual(name="residual"):
    """Returns `stem`, a block with a skip connection, and `end`."""
    inputs = keras.Input(SHAPE, name="images")
    x = normalized(inputs, "stem")
    y = normalized(x, "branch")
    x = layers.Add(name="add")([x, y])
    return keras.Model(inputs, normalized(x, "end"), name=name)


def nested():
    """Returns a graph with two levels below, with equal names in each."""
    inner = residual("inner")
    images = keras.Input(SHAPE)
    x = layers.Conv2D(3, 1, name="stem_conv")(images)
    x = inner(x)
    middle = keras.Model(images, layers.ReLU(name="end")(x), name="middle")
    images = keras.Input(SHAPE)
    x = layers.Rescaling(2.0, name="scale")(images)
    x = middle(x)
    x = layers.Conv2D(2, 1, name="end")(x)
    return keras.Model(images, x, name="outer")


def sequential():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, name="one"),
            keras.Sequential(
                [layers.Conv2D(5, 3, name="one"), layers.ReLU(name="two")],
                name="inside",
            ),
            layers.Conv2D(2, 1, name="end"),
        ]
    )


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


def test_a_mask_is_a_way_around():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True, name="embedding")(inputs)
    x = layers.LSTM(3, name="lstm")(x)
    backbone = keras.Model(inputs, layers.Dense(2)(x))
    assert valid_exits(backbone) == ["lstm"]


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


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class Staged(keras.Model):
    """Holds a backbone and its stages, as a model with exits does."""

    def __init__(self, backbone, exits, hidden=True, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.exits = exits
        self.hidden = hidden
        stages = cut(backbone, exits)
        if hidden:
            self.parts = types.SimpleNamespace(stages=stages)
        else:
            self.a_list_before_backbone = stages
        self.built = True

    def call(self, inputs, training=None):
        held = self.parts.stages if self.hidden else self.a_list_before_backbone
        for stage in held:
            inputs = stage(inputs, training=training)
        return inputs

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {"backbone": backbone, "exits": self.exits}

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        return cls(restore(config["backbone"]), config["exits"])


def saved_names(model, path):
    model.save_weights(path)
    names = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                names.append(name) if isinstance(item, h5py.Dataset) else None
            )
        )
    return names


@pytest.mark.parametrize("hidden", [True, False])
def test_model_that_holds_stages_counts_and_saves_weights_once(
    hidden, tmp_path
):
    backbone = nested()
    model = Staged(backbone, ["middle/inner/stem", "middle"], hidden)
    assert model.count_params() == backbone.count_params()
    assert len(model.weights) == len(backbone.weights)
    names = saved_names(model, tmp_path / "a.weights.h5")
    assert len(names) == len(backbone.weights)
    # In a list that Keras tracks, names depend on the exits.
    assert all(name.startswith("backbone/") for name in names) == hidden


def test_hidden_stages_train_and_come_back_from_a_file(tmp_path):
    model = Staged(nested(), ["middle/inner/stem", "middle"])
    model.compile("sgd", "mse")
    x = images(8)
    before = [np.array(w) for w in model.backbone.get_weights()]
    model.fit(x, np.ones((8, 8, 8, 2)), batch_size=4, verbose=0)
    after = model.backbone.get_weights()
    moved = [
        not np.array_equal(one, two)
        for one, two in zip(before, after, strict=True)
    ]
    assert all(moved)
    model.save(tmp_path / "a.keras")
    copy = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(to_numpy(copy(x)), to_numpy(model(x)))
    other = Staged(model.backbone, ["scale"])
    other.load_weights(saved(model, tmp_path))
    np.testing.assert_array_equal(to_numpy(other(x)), to_numpy(model(x)))


def saved(model, folder):
    model.save_weights(folder / "b.weights.h5")
    return folder / "b.weights.h5"


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


def test_valid_exits_are_in_order_and_all_of_them():
    assert valid_exits(residual()) == [
        "stem_conv",
        "stem_bn",
        "stem",
        "add",
        "end_conv",
        "end_bn",
    ]
    assert valid_exits(nested()) == [
        "scale",
        "middle/stem_conv",
        "middle/inner/stem_conv",
        "middle/inner/stem_bn",
        "middle/inner/stem",
        "middle/inner/add",
        "middle/inner/end_conv",
        "middle/inner/end_bn",
        "middle/inner",
        "middle",
    ]
    assert valid_exits(sequential()) == ["one", "inside/one", "inside"]


@pytest.mark.parametrize("make", [residual, nested, sequential])
def test_each_valid_exit_is_a_cut(make):
    backbone = make()
    for name in valid_exits(backbone):
        check_equal(backbone, [name])


def cv_backbone(version):
    cv = pytest.importorskip("keras_cv", exc_type=ImportError)
    kind = "ResNetBackbone" if version == 1 else "ResNetV2Backbone"
    return getattr(cv.models, kind)(
        stackwise_filters=[4, 8, 8],
        stackwise_blocks=[2, 2, 2],
        stackwise_strides=[1, 2, 2],
        include_rescaling=True,
        input_shape=(32, 32, 3),
    )


def hub_backbone(version):
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64, 64],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        use_pre_activation=version == 2,
        image_shape=(32, 32, 3),
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("make", [cv_backbone, hub_backbone])
def test_pyramid_levels(make, version):
    backbone = make(version)
    stages = check_equal(backbone, ["P2", "P3"])
    assert [stage.output_shape[1:3] for stage in stages] == [
        (8, 8),
        (4, 4),
        (2, 2),
    ]
    if version == 1:
        with pytest.raises(ValueError, match="'P4', whose output is that of"):
            cut(backbone, ["P2", "P4"])
    elif make is hub_backbone:  # It normalizes after its last level.
        check_equal(backbone, ["P2", "P4"])
    with pytest.raises(ValueError, match="nearest of its .*'P4'"):
        cut(backbone, ["P7"])


def test_pyramid_levels_of_a_backbone_inside():
    inner = hub_backbone(1)
    inputs = keras.Input((32, 32, 3))
    x = inner(layers.Rescaling(1 / 255, name="rescaling")(inputs))
    backbone = keras.Model(inputs, layers.ReLU()(x))
    level = f"{inner.name}/P3"
    check_equal(backbone, ["rescaling", level])
    stages = cut(backbone, [level], feature_layers=[level])
    assert set(stages[0].output) == {f"features/{level}", "out"}


LARGE = {
    "ResNet50": ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out"],
    "MobileNetV2": ["block_3_project_BN", "block_6_expand", "block_13_expand"],
    "EfficientNetB0": ["block2b_add", "block4a_expand_activation"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_networks(name):
    backbone = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    check_equal(backbone, LARGE[name])


@pytest.mark.parametrize(
    ("exits", "message"),
    [
        (["end"], "'end', whose output is that of 'residual'. Leave it out."),
        (
            ["branch"],
            "'branch', which other paths through 'residual' lead around. The "
            "nearest that will do: 'stem' before it and 'add' after it.",
        ),
        (["steam"], "'steam', which 'residual' does not have. The nearest of"),
        (["images"], "'images', which 'residual' does not have."),
        (["add", "stem"], "Write exits=['stem', 'add']."),
        (["stem", "stem"], "'stem' and 'stem', which are the same tensor."),
        ("stem", "Write exits=['stem']."),
        ([1], "1 among them"),
    ],
    ids=str,
)
def test_exits_that_are_refused(exits, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cut(residual(), exits)


def test_near_names_look_inside_models():
    message = re.escape("['middle/inner/branch', ")
    with pytest.raises(ValueError, match=message):
        cut(nested(), ["branch"])


def test_two_names_of_one_tensor_are_one_exit():
    with pytest.raises(ValueError, match="which are the same tensor"):
        cut(nested(), ["middle/inner", "middle/inner/end"])


def test_the_end_of_a_model_that_ends_the_backbone_is_its_output():
    inputs = keras.Input(SHAPE)
    backbone = keras.Model(inputs, residual("inner")(inputs))
    with pytest.raises(ValueError, match="'inner/end', whose output is that"):
        cut(backbone, ["inner/end"])


def test_nothing_to_cut():
    inputs = keras.Input(SHAPE)
    x = layers.ReLU(name="relu")(inputs)
    backbone = keras.Model(inputs, layers.Add(name="add")([x, inputs]))
    assert valid_exits(backbone) == []
    with pytest.raises(ValueError, match="cannot be cut anywhere"):
        cut(backbone, ["relu"])


def test_features_that_are_refused():
    message = "`feature_layers` must name layers of the backbone.*'steam'"
    with pytest.raises(ValueError, match=message):
        cut(residual(), ["stem"], feature_layers=["steam"])
    with pytest.raises(ValueError, match="`feature_layers` must be a list"):
        cut(residual(), ["stem"], feature_layers="stem")


class Doubled(keras.Model):
    """Does more than its graph says."""

    def call(self, inputs, training=None):
        return super().call(2 * inputs, training=training)


def test_graph_that_is_called_in_another_way():
    inputs = keras.Input(SHAPE)
    doubled = Doubled(inputs, layers.ReLU(name="relu")(inputs), name="doubled")
    with pytest.raises(ValueError, match="class Doubled has a `call` of its"):
        cut(doubled, [])
    outer = keras.Model(inputs, layers.ReLU()(doubled(inputs)))
    assert valid_exits(outer) == ["doubled"]
    check_equal(outer, ["doubled"])


def test_subclassed_model_is_no_backbone():
    class Plain(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="must be a functional Keras model"):
        cut(Plain(), [])
