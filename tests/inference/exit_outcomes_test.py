"""Who leaves where, and what that gives on each mix of classes."""

import keras
import numpy as np
import pytest

from keras_lt.inference import ExitOutcomes
from keras_lt.inference import exit_outcomes
from keras_lt.inference.exit_outcomes import score_exit_logits
from keras_lt.ops.early_exit import certainty
from keras_lt.ops.early_exit import exit_of
from tests.inference.exit_data import COUNTS
from tests.inference.exit_data import by_definition
from tests.inference.exit_data import exit_logits
from tests.inference.exit_data import leaves_at
from tests.inference.exit_data import some_outcomes


def softmax(logits):
    exps = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def check_point(point, expected):
    for mix, scores in point.scores.items():
        if mix not in expected:
            assert scores is None
            continue
        for name, value in expected[mix].items():
            np.testing.assert_allclose(
                getattr(scores, name), value, rtol=0, atol=1e-11
            )


def test_scores_are_those_of_the_logits():
    logits, labels = exit_logits(seed=3)
    p = softmax(logits.astype("float64"))
    scores, predictions = score_exit_logits(logits)
    np.testing.assert_allclose(scores, p[:, :-1].max(axis=-1), rtol=1e-6)
    np.testing.assert_array_equal(predictions, logits.argmax(axis=-1))
    assert scores.dtype == np.float32
    scores, _ = score_exit_logits(logits, "entropy")
    entropy = -(p * np.log(p)).sum(axis=-1)[:, :-1]
    np.testing.assert_allclose(scores, 1 - entropy / np.log(6), atol=1e-6)


@pytest.mark.parametrize("measure", ["confidence", "entropy"])
@pytest.mark.parametrize("seed", range(5))
def test_decisions_are_those_of_the_model(measure, seed):
    """To the last bit: scores and thresholds meet in float32."""
    logits, labels = exit_logits(200, 4, seed)
    outcomes = some_outcomes(200, 4, seed, measure=measure)
    scores = keras.ops.stack(
        [certainty(logits[:, k], measure) for k in range(3)], axis=1
    )
    generator = np.random.default_rng(seed)
    drawn = generator.uniform(size=3).tolist()
    # Some thresholds are scores themselves.
    met = [float(outcomes.scores[generator.integers(200), k]) for k in range(3)]
    for thresholds in (drawn, met, [0.0, 0.5, 1.0]):
        expected = exit_of(scores, keras.ops.convert_to_tensor(thresholds))
        found = outcomes.exits_at(thresholds)
        np.testing.assert_array_equal(
            found, keras.ops.convert_to_numpy(expected)
        )
        assert found.dtype == np.int32


@pytest.mark.parametrize("exits", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 60])
def test_points_match_the_definition(exits, size):
    outcomes = some_outcomes(size, exits, seed=size + exits)
    generator = np.random.default_rng(exits)
    for _ in range(5):
        thresholds = generator.uniform(0.2, 1, exits - 1).tolist()
        expected = leaves_at(outcomes.scores, thresholds)
        np.testing.assert_array_equal(outcomes.exits_at(thresholds), expected)
        point = outcomes.at(thresholds)
        assert point.thresholds == tuple(thresholds)
        check_point(point, by_definition(outcomes, expected))
        assert point.accuracy == point.scores["all"].accuracy
        assert point.balanced_accuracy == point.scores["balanced"].accuracy
        assert sum(point.exit_shares) == pytest.approx(1)
        assert point.saving == pytest.approx(1 - point.cost)
    supports = {m: s and s.num_examples for m, s in point.scores.items()}
    groups = [supports[g] or 0 for g in ("many", "medium", "few")]
    assert sum(groups) == supports["all"] == supports["balanced"] == size


def test_ends_of_the_thresholds():
    outcomes = some_outcomes()
    assert outcomes.exits_at(1.0).tolist() == [3] * 60
    assert outcomes.exits_at(0.0).tolist() == [1] * 60
    assert outcomes.at(1.0).cost == pytest.approx(1.001)
    assert outcomes.at(1.0).scores["few"].accuracy_loss == 0
    assert outcomes.at(1.0).scores["few"].standard_error == 0
    assert outcomes.at(0.0).cost == pytest.approx(0.35)


def test_score_equal_to_the_threshold_stays():
    outcomes = ExitOutcomes([0], [[0, 0]], [[0.9]], [0.5, 1], [5, 5])
    assert outcomes.exits_at(0.9).tolist() == [2]
    assert outcomes.exits_at(np.nextafter(np.float32(0.9), 0)).tolist() == [1]
    # In float64 the score is greater than this, and in float32 it is equal.
    close = float(np.float32(0.9)) - 1e-9
    assert outcomes.exits_at(close).tolist() == [2]


def test_nobody_leaves_at_1_even_if_the_softmax_rounds_to_it():
    logits = np.zeros((1, 2, 3), "float32")
    logits[0, 0, 1] = 200.0
    outcomes = ExitOutcomes.from_logits(logits, [1], [0.5, 1], [5, 5, 5])
    assert outcomes.scores.tolist() == [[1.0]]
    assert outcomes.exits_at(1.0).tolist() == [2]
    assert outcomes.exits_at(0.9999).tolist() == [1]


def test_one_exit():
    outcomes = some_outcomes(exits=1)
    assert outcomes.scores.shape == (60, 0)
    assert outcomes.at(0.5).exit_shares == (1.0,)
    assert outcomes.at([]).thresholds == ()


def test_seconds_are_summed_as_costs_are():
    outcomes = some_outcomes(seconds=[0.01, 0.02, 0.03])
    scores = outcomes.at(0.7).scores["few"]
    expected = np.dot(scores.exit_shares, [0.01, 0.02, 0.03])
    assert scores.seconds == pytest.approx(expected)
    assert some_outcomes().at(0.7).scores["few"].seconds is None


def test_chunks_change_nothing(monkeypatch):
    logits, _ = exit_logits(61)
    whole = score_exit_logits(logits)
    monkeypatch.setattr(exit_outcomes, "CHUNK", 7 * 18)
    for one, other in zip(whole, score_exit_logits(logits), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_logits_of_other_types():
    logits, labels = exit_logits()
    plain = some_outcomes()
    for values in (
        logits.astype("float64"),
        keras.ops.convert_to_tensor(logits),
    ):
        found = ExitOutcomes.from_logits(
            values, labels[:, None], plain.costs, COUNTS
        )
        np.testing.assert_array_equal(found.scores, plain.scores)
        np.testing.assert_array_equal(found.labels, labels)


def test_groups_follow_the_training_counts():
    logits, labels = exit_logits()
    found = ExitOutcomes.from_logits(
        logits, labels, [0.3, 0.6, 1], [500, 0, 4, 3, 2, 1], many=3, few=3
    )
    scores = found.at(0.9).scores
    assert scores["many"].num_examples == np.isin(labels, [0, 2]).sum()
    assert scores["medium"].num_examples == (labels == 3).sum()
    assert scores["few"].num_examples == np.isin(labels, [1, 4, 5]).sum()


def made(**changes):
    values = {
        "labels": [0, 1],
        "predictions": [[0, 0], [0, 1]],
        "scores": [[0.9], [0.5]],
        "costs": [0.4, 1.0],
        "class_counts": [500, 5],
    }
    return ExitOutcomes(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 2]}, "Received: 2 at row 1"),
        ({"labels": [0.0, 1.0]}, "must be integer class ids"),
        ({"labels": [0]}, "1 labels, and 2 examples"),
        ({"predictions": [0, 1]}, r"of shape \(n, exits\).*shape \(2,\)"),
        ({"predictions": [[0.0, 1.0]]}, "dtype=float64"),
        ({"predictions": np.zeros((0, 2), int)}, "one example or more"),
        ({"scores": [[0.9, 0.9], [0.5, 0.5]]}, r"\(2, 1\).*shape \(2, 2\)"),
        ({"scores": [[0.9], [np.nan]]}, "nan at row 1, exit 1"),
        ({"scores": [[3.5], [0.5]]}, "3.5 at row 0, exit 1"),
        ({"scores": [[-0.5], [0.5]]}, "-0.5 at row 0, exit 1"),
        ({"costs": [0.4]}, r"`costs` .* of shape \(2,\).*shape \(1,\)"),
        ({"costs": [0.0, 1.0]}, "finite and greater than 0"),
        ({"costs": [0.4, np.nan]}, "finite and greater than 0"),
        ({"costs": [0.6, 0.4]}, "`costs` must not fall.*np.cumsum"),
        ({"seconds": [0.6, 0.4]}, "`seconds` must not fall"),
        ({"class_counts": [500, -5]}, "Received: -5 at label 1"),
        ({"many": 5, "few": 9}, "two groups"),
    ],
)
def test_bad_outcomes(changes, message):
    with pytest.raises(ValueError, match=message):
        made(**changes)


def with_nan():
    logits = exit_logits()[0]
    logits[7, 1, 0] = np.nan
    return logits


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((2, 6)), r"\(n, exits, classes\).*shape \(2, 6\)"),
        (np.zeros((0, 2, 6)), "one example or more"),
        (np.zeros((60, 3, 5)), "5 logits and 6 class counts"),
        (with_nan(), "NaN or infinity, first in row 7"),
    ],
)
def test_bad_logits(logits, message):
    with pytest.raises(ValueError, match=message):
        ExitOutcomes.from_logits(logits, [0] * 60, [0.3, 0.6, 1], COUNTS)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        (1.5, "`thresholds` must be from 0 to 1.*Received: 1.5"),
        ([0.5, -0.1], "from 0 to 1"),
        ([0.5, np.nan], "from 0 to 1"),
        ([0.5], r"last, 2. Received: thresholds of shape \(1,\)"),
    ],
)
def test_bad_thresholds(thresholds, message):
    with pytest.raises(ValueError, match=message):
        some_outcomes().at(thresholds)


def test_unknown_measure():
    with pytest.raises(ValueError, match="'confidence', 'entropy'"):
        score_exit_logits(exit_logits()[0], "margin")
