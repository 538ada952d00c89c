"""The numbers of a report against a plain loop in float64."""

import math

import keras
import numpy as np
import pytest

from keras_lt import report
from keras_lt.report import outcomes
from tests.report.cards import COUNTS
from tests.report.cards import answers
from tests.report.cards import card

GROUPS = {"many": [0, 1, 2], "medium": [3, 4, 5], "few": [6, 7]}


def reference(logits, labels):
    """Accuracy of each class, top-5 and mean loss, one example at a time."""
    hits = {label: [] for label in range(8)}
    top_5, losses = [], []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        order = sorted(range(8), key=lambda k, row=row: -row[k])
        hits[label].append(order[0] == label)
        top_5.append(label in order[:5])
        losses.append(math.log(sum(map(math.exp, row))) - row[label])
    accuracies = [sum(h) / len(h) for h in hits.values()]
    return accuracies, np.mean(top_5), np.mean(losses)


def test_matches_reference():
    logits, labels = answers(shift=0.3)
    accuracies, top_5, loss = reference(logits, labels)
    found = card()
    np.testing.assert_allclose(found.class_accuracies, accuracies)
    assert found.accuracy == np.mean(logits.argmax(1) == labels)
    assert found.balanced_accuracy == pytest.approx(np.mean(accuracies))
    assert found.top_5 == top_5
    assert found.negative_log_likelihood == pytest.approx(loss, rel=1e-6)
    # The supports are unequal, so pooling a group gives another number.
    for name, members in GROUPS.items():
        expected = np.mean([accuracies[label] for label in members])
        pooled = np.isin(labels, members)
        hits = logits[pooled].argmax(1) == labels[pooled]
        assert found.groups[name].accuracy == pytest.approx(expected)
        assert found.groups[name].num_classes == len(members)
        assert found.groups[name].num_examples == pooled.sum()
        assert abs(hits.mean() - expected) > 1e-4
    assert found.scores["few"] == found.groups["few"].accuracy
    assert found.scores["accuracy"] == found.accuracy


def test_group_loss_and_calibration_are_over_the_examples():
    logits, labels = answers(shift=0.3)
    rows = np.isin(labels, GROUPS["few"])
    group = card().groups["few"]
    alone = report.from_logits(logits[rows], labels[rows], COUNTS)
    assert group.calibration_error == pytest.approx(alone.calibration_error)
    assert group.negative_log_likelihood == pytest.approx(
        alone.negative_log_likelihood
    )
    assert alone.groups["many"].accuracy is None


def test_chunks_change_nothing(monkeypatch):
    whole = card()
    monkeypatch.setattr(outcomes, "CHUNK", 8 * 7)
    parts = card()
    for name in ("predictions", "confidences", "losses", "in_top_5"):
        np.testing.assert_array_equal(
            getattr(whole.outcomes, name), getattr(parts.outcomes, name)
        )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_types_of_logits(dtype):
    logits, labels = answers()
    found = report.from_logits(logits.astype(dtype), labels, COUNTS)
    assert found.accuracy == pytest.approx(card(shift=0).accuracy, abs=0.01)


def test_ties_go_to_the_lower_label():
    found = report.from_logits(np.zeros((7, 7)), np.arange(7), [50] * 7)
    assert found.accuracy == pytest.approx(1 / 7)
    assert found.top_5 == pytest.approx(5 / 7)
    assert found.negative_log_likelihood == pytest.approx(math.log(7))


def test_extreme_logits():
    logits = np.array([[1e30, -1e30], [1e30, -1e30]])
    found = report.from_logits(logits, [0, 1], [5, 5])
    assert np.isfinite(found.negative_log_likelihood)
    assert found.outcomes.confidences.tolist() == [1.0, 1.0]


def test_class_without_test_examples_is_left_out_of_means():
    logits = np.array([[2.0, 0, 0], [2, 0, 0], [2, 0, 0]])
    found = report.from_logits(logits, [0, 0, 1], [500, 200, 300])
    assert found.class_accuracies == [1.0, 0.0, None]
    assert found.balanced_accuracy == 0.5
    assert found.groups["many"].accuracy == 0.5
    assert found.groups["few"].accuracy is None
    assert found.intervals["few"] is None
    assert "- Without test images, and left out" in found.to_markdown()


def test_thresholds_and_classes_without_training_images():
    logits, labels = answers()
    found = report.from_logits(
        logits, labels, [0, *COUNTS[1:]], many=290, few=4
    )
    assert found.groups["many"].num_classes == 1
    assert found.groups["few"].num_classes == 2


def test_worst_class_is_the_most_frequent_of_equals():
    logits = np.array([[0, 0, 9.0], [0, 0, 9], [0, 0, 9]])
    found = report.from_logits(logits, [0, 1, 2], [5, 500, 50])
    assert found.worst_class == 1
    assert "Never recognised: 2 of 3" in found.to_markdown()


def test_probabilities_give_the_report_of_their_logits():
    logits, labels = answers()
    exps = np.exp(logits)
    probabilities = (exps / exps.sum(1, keepdims=True)).astype("float32")
    found = report.from_probabilities(probabilities, labels, COUNTS)
    plain = report.from_logits(logits, labels, COUNTS)
    assert found.negative_log_likelihood == pytest.approx(
        plain.negative_log_likelihood, rel=1e-5
    )
    assert found.calibration_error == pytest.approx(
        plain.calibration_error, rel=1e-4
    )


def test_probability_zero_of_the_true_class_stays_finite():
    found = report.from_probabilities(np.eye(2)[[0, 0]], [0, 1], [5, 5])
    assert 40 < found.negative_log_likelihood < 50


def test_tensors_that_have_gradients_are_read():
    logits = keras.Variable([[4.0, 0.0], [1.0, 2.0]]).value
    assert report.from_logits(logits, [0, 0], [5, 5]).accuracy == 0.5


def with_nan():
    logits, labels = answers()
    logits[17, 3] = np.nan
    return logits, labels, COUNTS


def soft():
    return np.full((4, 2), 0.5), [0, 1, 0, 1], [5, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (with_nan(), "NaN or infinity, first in row 17 of 400"),
        ((np.full((2, 2), -np.inf), [0, 1], [5, 5]), "first in row 0 of 2"),
        ((np.full((2, 2), 1e39), [0, 1], [5, 5]), "first in row 0 of 2"),
        ((np.zeros(3), [0], [5, 5]), r"\(n, 2\), as there .*shape \(3,\)"),
        ((np.zeros((2, 3)), [0, 1], [5, 5]), r"2 class counts.*\(2, 3\)"),
        ((np.zeros((0, 2)), [], [5, 5]), "one example or more"),
        ((np.zeros((2, 2)), [0, 2], [5, 5]), "Received: 2 at row 1"),
        ((np.zeros((2, 2)), [0, -1], [5, 5]), "Received: -1 at row 1"),
        ((np.zeros((2, 2)), [0.0, 1.0], [5, 5]), "must be integer class ids"),
        ((np.zeros((2, 2)), [0], [5, 5]), "1 labels and 2 rows"),
        ((np.zeros((2, 2)), [0, 1], [5, -1]), "0 or greater.*-1 at label 1"),
        ((np.zeros((2, 2)), [0, 1], [5, 0.5]), "whole, finite numbers"),
        ((np.zeros((2, 1)), [0, 0], [5]), "2 classes or more"),
        ((np.zeros((2, 2)), [0, 1], [5, 5], ["a"]), "1 names and 2 counts"),
        ((np.zeros((2, 2)), [0, 1], [5, 5], None, 5, 9), "two groups"),
        ((np.array([["a", "b"]]), [0], [5, 5]), "must hold real numbers"),
        (soft(), "which are probabilities. Use `report.from_probabilities`"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        report.from_logits(*arguments)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"resamples": 0}, "`resamples` must be a whole number, 1"),
        ({"seed": -1}, "`seed` must be a whole number, 0"),
        ({"meta": {"x": {1, 2}}}, "`meta` must hold what JSON can"),
        ({"meta": {"x": float("nan")}}, "`meta` must hold what JSON can"),
        ({"history": {"loss": 0.5}}, r"shape \(\) under 'loss'"),
    ],
)
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        report.from_logits(*answers(), COUNTS, **kwargs)


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(ValueError, match="values from -.* use `report.from_lo"):
        report.from_probabilities(*answers(), COUNTS)
