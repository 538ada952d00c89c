"""What an exit costs, counted by hand, and what lies in front of it."""

import keras
import numpy as np
import pytest

from keras_lt import models
from tests.models.exit_models import dense_model
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import images


def test_costs_are_those_of_all_layers_on_the_way():
    """Multiply-accumulates of dense layers of 5, 6, 5 and 4, to 4 classes."""
    plain = 5 * 6 + 6 * 5 + 5 * 4 + 4 * 4
    first = 5 * 6 + 6 * 4
    second = first + 6 * 5 + 5 * 4
    last = second + 5 * 4 + 4 * 4
    np.testing.assert_allclose(
        dense_model().exit_costs(), np.array([first, second, last]) / plain
    )


def test_exits_of_resnet32_are_blocks_that_lead_to_its_last_map():
    model = models.EarlyExitModel(
        models.resnet32((32, 32, 3)), ["stage_1", "stage_2"], 100
    )
    bodies = [branch.body for branch in model.branches[:2]]
    assert [list(body.filters) for body in bodies] == [[32, 64], [64]]
    costs = [0.354, 0.681, 1.007]
    assert model.exit_costs() == pytest.approx(costs, abs=5e-4)


def test_seconds_of_an_exit_are_those_of_all_stages_on_the_way(monkeypatch):
    from keras_lt.inference import staged_predictor

    monkeypatch.setattr(
        staged_predictor, "time_stages", lambda *_: np.array([8.0, 4.0, 2.0])
    )
    assert dense_model().exit_seconds(batch_size=4) == [2.0, 3.0, 3.5]


def model_of_images(size):
    inputs = x = keras.Input((size, size, 3))
    for name, strides in (("one", 1), ("two", 2), ("three", 1)):
        x = keras.layers.Conv2D(4, 3, strides, padding="same", name=name)(x)
    backbone = keras.Model(inputs, x)
    exits = ["one", "two"]
    return models.EarlyExitModel(backbone, exits, CLASSES, branch="pooled")


def test_costs_of_images_of_any_size():
    model, (x, y) = model_of_images(None), images()
    for use in (
        model.exit_costs,
        lambda: model.exit_costs((None, 6, 3)),
        lambda: model.exit_costs((6, 3)),
        lambda: model.predict_with_exits(None),
        lambda: model.exit_outcomes(x, y, COUNTS),
    ):
        with pytest.raises(ValueError, match=r"exit_costs\(image_shape="):
            use()
    expected = model_of_images(6).exit_costs()
    assert model.exit_costs(image_shape=(6, 6, 3)) == expected
    assert model.exit_costs() == expected
    outcomes = model.exit_outcomes(x, y, COUNTS, verbose=0)
    np.testing.assert_array_equal(outcomes.costs, expected)
    answer = model.predict_with_exits(x, verbose=0)
    spent = np.mean([expected[one - 1] for one in answer.exits])
    assert answer.flops_saved == pytest.approx(1 - spent)
    assert model.exit_costs((12, 12, 3)) == model_of_images(12).exit_costs()
    assert model.exit_costs() != expected


def test_seconds_of_images_of_any_size():
    model = model_of_images(None)
    with pytest.raises(ValueError, match="`images` must be given"):
        model.exit_seconds()
    first, second, last = model.exit_seconds(repeats=1, images=images()[0])
    assert 0 < first < second < last
