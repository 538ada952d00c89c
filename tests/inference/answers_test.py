"""Scores of what a model has answered."""

import keras
import numpy as np
import pytest

from keras_lt.inference import score_answers
from tests.inference.exit_data import COUNTS
from tests.inference.exit_data import exit_logits
from tests.inference.exit_data import some_outcomes


def test_answers_score_as_their_outcomes():
    logits, labels = exit_logits()
    outcomes = some_outcomes()
    exits = outcomes.exits_at([0.8, 0.7])
    answers = logits[np.arange(60), exits - 1]
    point = score_answers(answers, exits, labels, outcomes.costs, COUNTS)
    expected = outcomes.at([0.8, 0.7])
    for mix, scores in point.scores.items():
        for name in ("num_examples", "accuracy", "cost", "exit_shares"):
            found = getattr(scores, name)
            assert found == getattr(expected.scores[mix], name)
        assert scores.accuracy_loss is scores.standard_error is None
    assert point.thresholds is None
    assert "loss" not in point.to_markdown()


def test_groups_follow_the_training_counts():
    logits = 4 * np.eye(3)[[0, 1, 0]]
    counts = {"class_counts": [9, 5, 1], "many": 8, "few": 3}
    point = score_answers(logits, [1, 2, 2], [0, 1, 2], [0.4, 1.0], **counts)
    groups = {"many": (1.0, 0.4), "medium": (1.0, 1.0), "few": (0.0, 1.0)}
    for group, expected in groups.items():
        scores = point.scores[group]
        assert (scores.accuracy, scores.cost) == expected


def test_tensors_that_have_gradients_are_read():
    logits = keras.Variable([[4.0, 0.0], [1.0, 2.0]]).value
    point = score_answers(logits, [1, 2], [0, 0], [0.4, 1.0], [500, 5])
    assert point.scores["many"].accuracy == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((2, 3))}, r"shape \(2, 3\), 2 labels and 2 class"),
        (
            {"logits": np.zeros((0, 2)), "labels": np.zeros(0, int)},
            "example or more",
        ),
        ({"logits": [[0, 1], [np.nan, 0]]}, "NaN or infinity, first in row 1"),
        ({"logits": [["0", "1"]] * 2}, "must hold real numbers"),
        ({"exits": [1]}, r"of shape \(2,\).*shape \(1,\)"),
        ({"exits": [1.0, 2.0]}, "dtype=float64"),
        ({"exits": [1, 0]}, "from 1 to 2.*0 at row 1"),
        ({"exits": [3, 1]}, "from 1 to 2.*3 at row 0"),
        ({"labels": [0, 2]}, "Received: 2 at row 1"),
        ({"costs": [1.0, 0.5]}, "`costs` must not fall"),
        ({"many": 1, "few": 9}, "two groups"),
    ],
)
def test_bad_input(changes, message):
    values = {
        "logits": np.zeros((2, 2)),
        "exits": [1, 2],
        "labels": [0, 1],
        "costs": [0.4, 1.0],
        "class_counts": [500, 5],
    }
    with pytest.raises(ValueError, match=message):
        score_answers(**(values | changes))
