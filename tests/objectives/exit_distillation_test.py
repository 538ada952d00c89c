"""Early exits that learn from the last one."""

import keras
import numpy as np
import pytest

from keras_lt.models import EarlyExitModel
from keras_lt.objectives import ExitDistillation
from tests import distillation_reference as reference
from tests.checks import check_serialization
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import total_loss
from tests.objectives.distillation_models import values_of


def logits(rows=6, exits=3):
    rng = np.random.default_rng(0)
    return (2 * rng.normal(size=(rows, exits, 4))).astype("float32")


def expected_values(exits, temperature):
    return np.mean(
        [
            reference.divergences(exits[:, k], exits[:, -1], temperature)
            for k in range(exits.shape[1] - 1)
        ],
        axis=0,
    )


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_values_equal_the_equation(temperature):
    exits = logits()
    term = ExitDistillation(temperature=temperature)
    found = values_of(term, exits, exits[:, 0], {"exits": exits})
    assert found.shape == (6,) and found.dtype == "float32"
    np.testing.assert_allclose(
        found, expected_values(exits, temperature), 1e-4, 1e-5
    )


def test_no_gradient_goes_through_the_last_exit():
    exits = logits()
    term = ExitDistillation(temperature=3.0)
    term.build((None, 4))
    labels = np.zeros(6, "int32")
    found = gradient(
        lambda x: term(x[:, 0], labels, outputs={"exits": x}), exits
    )
    p = reference.softmax(exits.astype("float64") / 3.0)
    slopes = 3.0 * (p[:, :-1] - p[:, -1:]) / 2  # The mean over two exits.
    np.testing.assert_allclose(found[:, :-1], slopes, 1e-3, 1e-5)
    assert not found[:, -1].any()


def test_is_added_to_the_loss_of_a_model():
    x, y = vectors(10)
    model = seeded_weights(dense_model())
    model.compile("sgd", crossentropy(), objectives=[])
    plain = total_loss(model, x, y)
    term = ExitDistillation(weight=0.5, base_weight=0.8)
    model.compile("sgd", crossentropy(), objectives=[term])
    values = expected_values(to_numpy(model(x)["exits"]), 2.0)
    found = total_loss(model, x, y)
    np.testing.assert_allclose(found, 0.8 * plain + 0.5 * values.mean(), 1e-4)
    weights = np.linspace(0.0, 2.0, 10).astype("float32")
    model.compile("sgd", crossentropy(), objectives=[])
    plain = total_loss(model, x, y, sample_weight=weights)
    model.compile("sgd", crossentropy(), objectives=[term])
    found = total_loss(model, x, y, sample_weight=weights)
    mean = np.average(values, weights=weights)
    np.testing.assert_allclose(found, 0.8 * plain + 0.5 * mean, 1e-4)


def test_training_moves_the_early_exits_alone():
    x, y = vectors(16)
    model = seeded_weights(dense_model(trunk_gradient=0.0))
    term = ExitDistillation(base_weight=0.0)
    model.compile(keras.optimizers.SGD(0.1), crossentropy(), objectives=[term])
    heads = [state_of(one) for one in model.branches]
    trunk = state_of(model.backbone)
    losses = model.fit(x, y, epochs=3, verbose=0, batch_size=16).history["loss"]
    assert losses[-1] < losses[0]
    for now, then in zip(state_of(model.backbone), trunk, strict=True):
        np.testing.assert_array_equal(now, then)
    moved = [
        np.abs(state_of(one)[0] - then[0]).max()
        for one, then in zip(model.branches, heads, strict=True)
    ]
    assert moved[0] > 1e-3 and moved[1] > 1e-3 and moved[2] == 0.0


def test_a_model_without_exits_is_refused():
    model = linear_model(5, 3)
    with pytest.raises(ValueError, match="with 1. Use an `EarlyExitModel`"):
        model.compile("sgd", crossentropy(), objectives=[ExitDistillation()])


def test_a_model_with_one_exit_is_refused():
    """The mean over no exits would be NaN."""
    model = EarlyExitModel(dense_backbone(), [], 4)
    with pytest.raises(ValueError, match="more exits than the last"):
        model.compile("sgd", crossentropy(), objectives=[ExitDistillation()])


def test_config_round_trip():
    term = ExitDistillation(0.5, 3.0, 0.25, name="own")
    config = check_serialization(term).get_config()
    assert (config["weight"], config["base_weight"]) == (0.5, 0.25)
    assert config["temperature"] == 3.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="`temperature` must be"):
        ExitDistillation(temperature=temperature)


def test_features_are_not_read():
    with pytest.raises(TypeError, match="features"):
        ExitDistillation(features="stage_1")


def test_bad_weight():
    with pytest.raises(ValueError, match="`weight` must be"):
        ExitDistillation(weight=-1.0)
