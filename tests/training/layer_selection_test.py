import keras
import numpy as np
import pytest

from keras_lt import models
from keras_lt.objectives import Objective
from keras_lt.training import last_layers
from keras_lt.training import set_trainable
from keras_lt.training.layer_selection import reset_layers


def make_backbone():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(3, name="stage_1_dense")(inputs)
    x = keras.layers.BatchNormalization(name="stage_1_bn")(x)
    x = keras.layers.Dense(3, name="stage_2_dense")(x)
    return keras.Model(inputs, x, name="inner")


def make_model():
    return models.LongTailModel(make_backbone(), num_classes=4)


def trained(model):
    return {id(v) for v in model.trainable_variables}


def of(*layers):
    return {id(v) for layer in layers for v in layer.trainable_variables}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("all", {"stage_1_dense", "stage_1_bn", "stage_2_dense", "head"}),
        ("classifier", {"head"}),
        ("backbone", {"stage_1_dense", "stage_1_bn", "stage_2_dense"}),
        ("stage_2", {"stage_2_dense"}),
        (("stage_2", "classifier"), {"stage_2_dense", "head"}),
        ("inner/stage_1", {"stage_1_dense", "stage_1_bn"}),
        (lambda layer: "_bn" in layer.name, {"stage_1_bn"}),
        ((), set()),
    ],
)
def test_trains_what_is_selected(selection, expected):
    model = make_model()
    layers = {layer.name: layer for layer in model.backbone.layers}
    layers["head"] = model.classifier
    wanted = of(*(layers[name] for name in expected))
    if selection == "inner/stage_1":
        model = keras.Sequential([keras.Input((2,)), model.backbone])
    set_trainable(model, "stage_1")
    set_trainable(model, selection)
    assert trained(model) == wanted


@pytest.mark.parametrize("branch", ["pooled", "block"])
def test_classifiers_of_exits_are_apart_from_their_branches(branch):
    images = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", name="stage_1")(images)
    x = keras.layers.Conv2D(2, 3, strides=2, name="stage_2")(x)
    model = models.EarlyExitModel(
        keras.Model(images, x), ["stage_1"], 3, branch=branch
    )
    everything = trained(model)
    heads = of(*model.classifiers())
    assert len(heads) == 4
    for _ in range(2):  # From one to the other, and back.
        set_trainable(model, "classifier")
        assert trained(model) == heads
        set_trainable(model, "backbone")
        assert trained(model) == everything - heads
    set_trainable(model, "all")
    assert trained(model) == everything

    before = model.get_weights()
    reset_layers(model, "classifier")
    same = {
        id(variable)
        for variable, old in zip(model.weights, before, strict=True)
        if np.array_equal(keras.ops.convert_to_numpy(variable), old)
    }
    kernels = {id(head.kernel) for head in model.classifiers()}
    assert {id(variable) for variable in model.weights} - same == kernels


@pytest.mark.parametrize("selection", ["head", "backbone", "all"])
def test_reset_leaves_the_settings_of_exits_alone(selection):
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", name="stage_1")(images)
    x = keras.layers.Conv2D(2, 3, strides=2, name="stage_2")(x)
    model = models.EarlyExitModel(
        keras.Model(images, x),
        ["stage_1"],
        3,
        threshold=0.7,
        training_threshold=0.6,
        exit_weights=[1.0, 2.0],
    )
    kernels = [w for w in model.trainable_weights if w.name == "kernel"]
    before = [keras.ops.convert_to_numpy(one) for one in kernels]
    reset_layers(model, selection)
    changed = {
        one.path
        for one, old in zip(kernels, before, strict=True)
        if not np.array_equal(keras.ops.convert_to_numpy(one), old)
    }
    heads = {head.kernel.path for head in model.classifiers()}
    assert ("stage_1/kernel" in changed) == (selection != "head")
    assert heads & changed == (set() if selection == "backbone" else heads)
    assert (model.threshold, model.training_threshold) == ([0.7], [0.6])
    assert model.get_config()["exit_weights"] == [1.0, 2.0]


def test_none_leaves_the_model_alone():
    model = make_model()
    model.backbone.trainable = False
    set_trainable(model, None)
    assert trained(model) == of(model.classifier)


def test_opens_a_model_that_was_frozen_as_a_whole():
    model = make_model()
    model.trainable = False
    set_trainable(model, "classifier")
    model.classifier.trainable = True
    assert trained(model) == of(model.classifier) != set()


def test_objectives_are_left_alone():
    class Centre(Objective):
        def build(self, features_shape):
            self.centre = self.add_weight(shape=features_shape[1:])

    model = make_model()
    objective = Centre()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, objectives=[objective])
    set_trainable(model, "classifier")
    assert trained(model) == of(model.classifier, objective)
    assert id(objective.centre) in trained(model)


def test_frozen_batch_normalization_keeps_its_statistics():
    model = make_model()
    set_trainable(model, "classifier")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss=loss)
    before = [v.copy() for v in model.backbone.get_weights()]
    x = np.random.default_rng(0).normal(3.0, size=(8, 2)).astype("float32")
    model.fit(x, np.arange(8) % 4, verbose=0)
    for one, two in zip(before, model.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def exit_model():
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", name="one_conv")(images)
    x = keras.layers.BatchNormalization(name="one_bn")(x)
    x = keras.layers.ReLU(name="one")(x)
    x = keras.layers.Conv2D(6, 3, 2, name="two_conv")(x)
    x = keras.layers.BatchNormalization(name="two_bn")(x)
    backbone = keras.Model(images, x)
    return models.EarlyExitModel(backbone, ["one"], 4, projection_dim=5)


@pytest.mark.parametrize(
    ("count", "trained_layers"),
    [(0, ()), (1, ("two_bn",)), (2, ("two_conv", "two_bn"))],
)
def test_last_layers_are_trained_and_the_others_stay(count, trained_layers):
    """The batch normalization of an exit goes on, those below stand still."""
    model = exit_model()
    set_trainable(model, last_layers(model, count))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss=loss)
    layers = {one.name: one for one in model.backbone.layers if one.weights}
    before = {name: one.get_weights() for name, one in layers.items()}
    branches = [one.get_weights() for one in model.branches]
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(8, 8, 8, 1))
    model.fit(x, np.arange(8) % 4, epochs=2, verbose=0)
    for name, layer in layers.items():
        for one, two in zip(before[name], layer.get_weights(), strict=True):
            assert np.array_equal(one, two) is (name not in trained_layers)
    for branch, old in zip(model.branches, branches, strict=True):
        for one, two in zip(old, branch.get_weights(), strict=True):
            assert not np.array_equal(one, two)


def test_head_is_what_the_backbone_does_not_have():
    model = exit_model()
    set_trainable(model, "head")
    wanted = {id(v) for b in model.branches for v in b.trainable_variables}
    assert trained(model) == wanted != set()
    body, projection = model.branches[0].body, model.branches[1].projection
    assert of(body, projection) < wanted


def test_last_layers_of_another_model():
    model = make_backbone()
    set_trainable(model, last_layers(model, 1))
    assert trained(model) == of(model.get_layer("stage_2_dense")) != set()
    with pytest.raises(ValueError, match="from 0 to 3.*count=4"):
        last_layers(model, 4)


def test_reset_gives_new_weights_to_the_selected_alone():
    model = make_model()
    kernel, bias = model.classifier.get_weights()
    model.classifier.set_weights([kernel, bias + 1])
    backbone = model.backbone.get_weights()
    reset_layers(model, "classifier")
    new_kernel, new_bias = model.classifier.get_weights()
    assert not np.allclose(new_kernel, kernel)
    np.testing.assert_array_equal(new_bias, bias)
    for one, two in zip(backbone, model.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_unknown_name():
    with pytest.raises(ValueError, match="'stage_9', which fits none of"):
        set_trainable(make_model(), "stage_9")


class Tokens(keras.Model):
    """Trains a vector of its own, beside its layer."""

    def build(self, input_shape):
        self.token = self.add_weight(name="token", shape=input_shape[-1:])
        self.inner = keras.layers.Dense(3, name="inner")
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x + self.token)


def test_own_variables_of_a_model_go_with_all_its_layers():
    images = keras.Input((2,))
    tokens = Tokens()
    model = models.LongTailModel(keras.Model(images, tokens(images)), 4)
    for selection, expected in (
        ("classifier", [model.classifier]),
        ("backbone", [tokens]),
        ("all", [tokens, model.classifier]),
    ):
        set_trainable(model, selection)
        assert trained(model) == of(*expected)
        assert (id(tokens.token) in trained(model)) == (tokens in expected)


class DeepTokens(Tokens):
    """Has another layer after that."""

    def build(self, input_shape):
        super().build(input_shape)
        self.outer = keras.layers.Dense(3, name="outer")
        self.outer.build((None, 3))

    def call(self, x):
        return self.outer(super().call(x))


def test_own_variables_of_a_model_stay_with_a_layer_that_does():
    images = keras.Input((2,))
    tokens = DeepTokens()
    model = models.LongTailModel(keras.Model(images, tokens(images)), 4)
    set_trainable(model, ["outer", "classifier"])
    assert trained(model) == of(tokens.outer, model.classifier)
    set_trainable(model, ["inner", "outer"])
    assert trained(model) == of(tokens)


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class Head(keras.layers.Layer):
    """Has no `build`: the layer inside is built by the call."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_reset_of_a_layer_that_its_call_builds(recwarn):
    model = models.LongTailModel(make_backbone(), 4, classifier=Head(4))
    kernel, _ = model.classifier.get_weights()
    reset_layers(model, "classifier")
    assert not np.allclose(model.classifier.get_weights()[0], kernel)
    assert not [w for w in recwarn if "`build()`" in str(w.message)]


def test_reset_keeps_the_statistics_of_images():
    layer = keras.layers.Normalization(name="scaling")
    layer.adapt(np.array([[10.0, 20.0], [14.0, 28.0]], "float32"))
    layers = [layer, keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    before = layer.get_weights()
    reset_layers(model, "all")
    for one, two in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)
