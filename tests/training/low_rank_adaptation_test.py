import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt import posthoc
from keras_lt import training
from keras_lt.models import TransformerBackbone
from keras_lt.models.model_copy import copy_of
from tests.models.transformers import images
from tests.models.transformers import vit

CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def graph_backbone():
    """Returns layers of each kind that matters, all in the graph itself."""
    pixels = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, name="stage_1_conv")(pixels)
    x = keras.layers.BatchNormalization(name="stage_1_bn")(x)
    x = keras.layers.ReLU(name="stage_1")(x)
    x = keras.layers.Dense(6, activation="relu", name="stage_2_dense")(x)
    return keras.Model(pixels, x, name="graph")


def vit_backbone():
    return TransformerBackbone(vit(num_layers=2))


def exit_model(backbone):
    return models.EarlyExitModel(
        backbone,
        ["transformer_block_1"],
        4,
        "cosine",
        branch=backbone.exit_branch(),
    )


def long_tail_model(backbone):
    return models.LongTailModel(backbone, 4, "cosine", weight_decay=1e-3)


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(one)) for one in variables]


def answers(model, x):
    if isinstance(model, models.EarlyExitModel):
        return model.exit_logits(x, verbose=0)
    return model.predict(x, verbose=0)


def trained(model, epochs=3):
    x, y = images()
    model.compile(keras.optimizers.Adam(0.02), CROSSENTROPY)
    return model.fit(x, y, epochs=epochs, verbose=0).history["loss"]


def fresh(model):
    """Returns whether the updates are as they were made."""
    return [
        not np.any(keras.ops.convert_to_numpy(variable))
        for variable in model.backbone.trainable_variables
        if variable.name == "lora_kernel_b"
    ]


@pytest.mark.parametrize(
    ("make", "kind"),
    [(graph_backbone, long_tail_model), (vit_backbone, exit_model)],
)
def test_updates_are_trained_saved_and_trained_further(make, kind, tmp_path):
    keras.utils.set_random_seed(0)
    model = kind(make())
    x, _ = images()
    before = answers(model, x)
    staged = model.predict(x, verbose=0)
    size = len(model.backbone.trainable_variables)
    training.enable_lora(model, rank=2)
    np.testing.assert_allclose(answers(model, x), before, 1e-4, 1e-5)

    few = model.backbone.trainable_variables
    assert {one.name for one in few} == {"lora_kernel_a", "lora_kernel_b"}
    # Of each of the layers: the query, the key, ... of a block, say.
    adapted = 6 * 2 + 1 if make is vit_backbone else 2
    assert len(few) == 2 * adapted < 2 * size
    ids = {id(one) for one in few}
    frozen = [v for v in model.backbone.weights if id(v) not in ids]
    kept = values(frozen)
    losses = trained(model)
    assert losses[-1] < losses[0]
    for one, two in zip(kept, values(frozen), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not any(fresh(model))
    after = answers(model, x)
    assert np.abs(after - before).max() > 0.01
    assert np.abs(model.predict(x, verbose=0) - staged).max() > 0.01
    if kind is exit_model:  # What is compiled for `predict` knows of them.
        model.threshold = 1.0
        np.testing.assert_allclose(
            model.predict(x, verbose=0), after[:, -1], 1e-4, 1e-4
        )

    copy = copy_of(model)
    np.testing.assert_allclose(answers(copy, x), after, 1e-4, 1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(answers(loaded, x), after, 1e-4, 1e-5)

    training.enable_lora(loaded, rank=2)
    assert len(loaded.backbone.trainable_variables) == len(few)
    assert all(fresh(loaded))
    trained(loaded)
    assert not any(fresh(loaded))


def test_stages_train_what_is_not_frozen_for_the_updates():
    model = long_tail_model(graph_backbone())
    training.enable_lora(model, rank=2)
    few = {id(v) for v in model.backbone.trainable_variables}
    head = {id(v) for v in model.classifier.trainable_variables}
    for selection, expected in {
        "all": few | head,
        "classifier": head,
        "head": head,
        "backbone": few,
        "stage_1": {
            id(v)
            for v in model.backbone.get_layer(
                "stage_1_conv"
            ).trainable_variables
        },
    }.items():
        training.set_trainable(model, selection)
        found = {id(v) for v in model.trainable_variables}
        assert found == expected, selection
    assert not model.backbone.get_layer("stage_1_bn").trainable


class Cut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


def test_stopped_training_goes_on_with_its_updates(tmp_path):
    def run(folder=None, callbacks=()):
        keras.utils.set_random_seed(0)
        model = long_tail_model(graph_backbone())
        training.enable_lora(model, rank=2)
        stage = training.Stage(
            name="updates",
            epochs=3,
            batches=data.Batches(images(), 4, seed=1),
            loss=CROSSENTROPY,
            optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
            callbacks=callbacks,
        )
        training.train(model, [stage], folder=folder, verbose=0)
        return values(model.variables)

    whole = run()
    with pytest.raises(InterruptedError):
        run(tmp_path, [Cut()])
    for one, two in zip(whole, run(tmp_path), strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_functions_take_an_adapted_model():
    model = long_tail_model(vit_backbone())
    training.enable_lora(model, rank=1, layers=["query", "value"])
    assert len(model.backbone.trainable_variables) == 2 * 2 * 2
    for variable in model.backbone.trainable_variables:
        variable.assign(np.full(variable.shape, 0.3, "float32"))
    x, y = images()
    means = posthoc.with_class_means(model, x, y, "l2n", "cosine")
    training.initialize_from_class_means(model, x, y)
    np.testing.assert_allclose(
        model.predict(x, verbose=0) / model.classifier.scale,
        means.predict(x, verbose=0),
        1e-3,
        1e-4,
    )


def test_strength_is_alpha_by_rank():
    backbone = graph_backbone()
    training.enable_lora(backbone, rank=2, layers=["stage_2_dense"], alpha=3.0)
    layer = backbone.get_layer("stage_2_dense")
    a, b = layer.lora_kernel_a, layer.lora_kernel_b
    b.assign(np.random.default_rng(0).normal(size=b.shape))
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    kernel = values([layer._kernel])[0] + 1.5 * np.matmul(*values([a, b]))
    expected = np.maximum(x @ kernel + values([layer.bias])[0], 0)
    found = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_what_cannot_be_adapted_is_named():
    backbone = graph_backbone()
    with pytest.raises(ValueError, match="Received: 'stage_1_bn'.*stage_1_con"):
        training.enable_lora(backbone, layers=["stage_1_bn"])
    with pytest.raises(ValueError, match="`rank` must be a whole number"):
        training.enable_lora(backbone, rank=0)
    training.enable_lora(backbone, rank=2)
    with pytest.raises(ValueError, match="rank=3.*updates of rank 2"):
        training.enable_lora(backbone, rank=3)
