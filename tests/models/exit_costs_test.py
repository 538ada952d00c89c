"""What an exit costs, counted by hand, and what lies in front of it."""

import numpy as np
import pytest

from keras_lt import models
from tests.models.exit_models import dense_model


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
