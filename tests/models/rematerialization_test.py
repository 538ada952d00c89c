"""Maps that are computed twice change memory, and nothing else."""

import keras
import numpy as np
import pytest

from keras_lt import losses
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.models.backbone_cut import cut_finely
from tests.checks import to_numpy
from tests.models.cut_graphs import nested
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import MeanFeature
from tests.models.small_models import images

NAMES = ["one", "two", "three"]


def backbone(drop=0.3):
    """Returns blocks with all kinds of state: statistics, and a generator."""
    inputs = x = keras.Input((6, 6, 3))
    for name in NAMES:
        x = keras.layers.Conv2D(8, 3, padding="same", name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        x = keras.layers.Dropout(drop, seed=1, name=name)(x)
    return keras.Model(inputs, x, name="blocks")


def long_tail_model(**kwargs):
    return LongTailModel(
        backbone(), CLASSES, feature_layers=["two_relu"], **kwargs
    )


def early_exit_model(**kwargs):
    return EarlyExitModel(
        backbone(),
        exits=["two"],
        num_classes=CLASSES,
        feature_layers=["two_relu"],
        trunk_gradient=0.5,
        **kwargs,
    )


def trained(make, policy, frozen, **kwargs):
    x, y = images()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model = make(**kwargs)
    finally:
        keras.config.set_dtype_policy("float32")
    for name in frozen:
        model.backbone.get_layer(name).trainable = False
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        losses.BalancedSoftmax(COUNTS),
        objectives=[MeanFeature(), MeanFeature(features="two_relu", name="b")],
    )
    model.fit(x, y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    return model


def assert_equal_state(model, other):
    assert len(model.variables) == len(other.variables)
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_allclose(
            to_numpy(one), to_numpy(two), 1e-5, 1e-6, err_msg=one.path
        )


@pytest.mark.parametrize(
    ("make", "policy", "frozen"),
    [
        (long_tail_model, "float32", ["one_conv", "two_bn"]),
        (early_exit_model, "mixed_float16", []),
    ],
)
def test_weights_and_state_are_those_without(make, policy, frozen):
    plain = trained(make, policy, frozen)
    assert_equal_state(
        trained(make, policy, frozen, rematerialize=NAMES[:2]), plain
    )
    # The statistics have moved at all.
    moved = to_numpy(plain.backbone.get_layer("one_bn").moving_mean)
    assert np.abs(moved).max() > 1e-3


@pytest.mark.parametrize("make", [long_tail_model, early_exit_model])
def test_saved_as_without(make, tmp_path):
    model = make(rematerialize=["two"])
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.rematerialize == ("two",)
    model.save_weights(tmp_path / "model.weights.h5")
    plain = make()
    plain.load_weights(tmp_path / "model.weights.h5")
    for other in (copy, plain):
        assert_equal_state(other, model)


def test_two_names_of_one_layer_are_one_cut():
    backbone = nested()
    names = ["middle/inner", "middle/inner/end"]
    one = cut_finely(backbone, [], names[:1])
    for exits, between in (([], names), (names[:1], names[1:])):
        found = cut_finely(backbone, exits, between)
        assert sum(map(len, found)) == sum(map(len, one)) == 2


def test_unknown_layer_and_one_that_is_no_cut():
    with pytest.raises(ValueError, match="`rematerialize` must .*'four'"):
        long_tail_model(rematerialize=["four"])
    with pytest.raises(ValueError, match="`rematerialize` must be a list"):
        long_tail_model(rematerialize="one")


@pytest.mark.parametrize("adds", [True, False])
def test_losses_that_layers_add_are_refused(adds):
    inputs = keras.Input((6, 6, 3))
    first = keras.layers.Conv2D(
        4,
        3,
        name="one",
        kernel_regularizer="l2",
        activity_regularizer="l2" if adds else None,
    )
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(first(inputs)))
    model = LongTailModel(backbone, CLASSES, rematerialize=["one"])
    model.compile("sgd", losses.BalancedSoftmax(COUNTS))
    if not adds:
        model.fit(*images(), verbose=0)
        return
    with pytest.raises(ValueError, match="`rematerialize` must go with layers"):
        model.fit(*images(), verbose=0)


def jax_step_bytes(model, x, y):
    """Returns the bytes of what the forward pass hands to the backward one.

    Of a compiled step, XLA on a CPU would drop the second computation.
    """
    import jax

    def loss(trained, state):
        outputs, _ = model.stateless_call(trained, state, x, training=True)
        return jax.numpy.sum(jax.numpy.square(outputs["logits"]))

    kept = jax.eval_shape(
        lambda trained, state: jax.vjp(loss, trained, state)[1],
        [v.value for v in model.trainable_variables],
        [v.value for v in model.non_trainable_variables],
    )
    leaves = jax.tree.leaves(kept)
    return sum(one.size * one.dtype.itemsize for one in leaves)


def torch_step_bytes(model, x, y):
    """Returns the bytes of what autograd keeps for the backward pass."""
    import torch

    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda one: one):
        outputs = model(x, training=True)
        torch.sum(torch.square(outputs["logits"])).backward()
    return sum(kept.values())


@pytest.mark.skipif(
    keras.config.backend() == "tensorflow",
    reason="it does not tell the memory of a compiled step",
)
def test_keeps_less():
    measure = {"jax": jax_step_bytes, "torch": torch_step_bytes}
    x, y = images(rows=256)
    found = []
    for names in ((), NAMES[:2]):
        model = LongTailModel(backbone(0.0), CLASSES, rematerialize=names)
        found.append(measure[keras.config.backend()](model, x, y))
    assert found[1] < 0.7 * found[0], found
