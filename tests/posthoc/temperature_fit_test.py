"""Fitted temperatures against a search through a grid."""

import warnings

import numpy as np
import pytest

from keras_lt import metrics
from keras_lt import posthoc

COUNTS = [500, 150, 60, 25, 12, 5]
GROUPS = {"many": [0, 1], "medium": [2, 3], "few": [4, 5]}


def held_out(sharpness=3.0, size=300, seed=0):
    """Logits that are too sure by a factor of `sharpness`, about."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, size=size)
    logits = 1.5 * np.eye(6)[labels] + rng.normal(size=(size, 6))
    return sharpness * logits, labels


def nll(logits, labels):
    """Mean negative log-likelihood, one example after the other."""
    total = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        top = max(row)
        total += np.log(sum(np.exp(v - top) for v in row)) + top - row[label]
    return total / len(labels)


def best_of_grid(logits, labels, steps=61):
    """Searches thrice, each time between the neighbours of the best."""
    low, high = 0.01, 100.0
    for _ in range(3):
        grid = np.geomspace(low, high, steps)
        values = [nll(logits / one, labels) for one in grid]
        best = int(np.argmin(values))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, steps - 1)]
    return grid[best]


@pytest.mark.parametrize("sharpness", [0.03, 0.5, 3.0, 20.0])
def test_matches_a_grid(sharpness):
    logits, labels = held_out(sharpness, size=80)
    scaling = posthoc.fit_temperature(logits, labels)
    expected = best_of_grid(logits, labels)
    assert list(scaling.temperatures) == ["all"]
    assert scaling.temperatures["all"] == pytest.approx(expected, rel=2e-4)
    np.testing.assert_allclose(
        scaling(logits), logits / scaling.temperatures["all"], 1e-12
    )


def test_slope_is_zero_at_the_best():
    logits, labels = held_out()
    best = posthoc.fit_temperature(logits, labels).temperatures["all"]
    values = [nll(logits / (best * f), labels) for f in (0.999, 1.0, 1.001)]
    assert values[1] < values[0] and values[1] < values[2]
    slope = (values[2] - values[0]) / 0.002
    assert abs(slope) < 1e-6


def test_scale_and_offsets_of_logits_do_not_matter():
    logits, labels = held_out()
    best = posthoc.fit_temperature(logits, labels).temperatures["all"]
    offsets = np.random.default_rng(1).normal(size=(300, 1))
    for scale in (1e-9, 1e-4, 1e6):
        found = posthoc.fit_temperature(scale * (logits + offsets), labels)
        assert found.temperatures["all"] == pytest.approx(
            scale * best, rel=1e-6
        )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.filterwarnings("ignore:No temperature is best")
def test_never_worse_than_before(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 25))
    logits, labels = held_out(rng.uniform(0.1, 9), size, seed)
    for counts in (None, COUNTS):
        scaling = posthoc.fit_temperature(logits, labels, counts)
        after = nll(scaling(logits), labels)
        assert after <= nll(logits, labels) + 1e-12


def test_temperature_of_each_group_of_answers():
    logits, labels = held_out(size=400)
    logits[logits.argmax(axis=1) >= 4] *= 4
    scaling = posthoc.fit_temperature(logits, labels, COUNTS)
    answers = logits.argmax(axis=1)
    expected = logits.copy()
    for group, members in GROUPS.items():
        own = np.isin(answers, members)
        best = posthoc.fit_temperature(logits[own], labels[own])
        assert scaling.temperatures[group] == pytest.approx(
            best.temperatures["all"]
        )
        expected[own] /= best.temperatures["all"]
    np.testing.assert_allclose(scaling(logits), expected, 1e-9)
    assert scaling.temperatures["few"] > 2 * scaling.temperatures["many"]
    np.testing.assert_array_equal(scaling(logits).argmax(axis=1), answers)
    one = posthoc.fit_temperature(logits, labels)
    assert nll(scaling(logits), labels) < nll(one(logits), labels) - 0.01


def test_calibration_error_falls():
    logits, labels = held_out(size=2000)
    scaling = posthoc.fit_temperature(*held_out(size=2000, seed=1))
    errors = []
    for values in (logits, scaling(logits)):
        metric = metrics.CalibrationError()
        errors.append(float(metric(labels, values)["ece"]))
    assert errors[0] > 0.15
    assert errors[1] < 0.04


def test_group_that_is_never_answered_takes_that_of_all():
    logits, labels = held_out()
    keep = logits.argmax(axis=1) < 4
    logits, labels = logits[keep], labels[keep]
    scaling = posthoc.fit_temperature(logits, labels, COUNTS)
    of_all = posthoc.fit_temperature(logits, labels).temperatures["all"]
    assert scaling.temperatures["few"] == of_all
    new = 2 * np.eye(6)[[4, 5]]
    np.testing.assert_allclose(scaling(new), new / of_all, 1e-9)


def test_bounds_of_the_groups_are_free():
    scaling = posthoc.fit_temperature(*held_out(), COUNTS, many=400, few=10)
    expected = {"many": (0,), "medium": (1, 2, 3, 4), "few": (5,)}
    assert scaling.class_groups == expected


def test_groups_without_classes_are_left_out():
    logits, labels = held_out()
    scaling = posthoc.fit_temperature(logits, labels, COUNTS, many=1000)
    assert list(scaling.temperatures) == ["medium", "few"]
    assert scaling(logits).shape == logits.shape


@pytest.mark.parametrize("counts", [None, COUNTS])
def test_each_exit(counts):
    parts = [held_out(sharpness)[0] for sharpness in (1.0, 3.0, 9.0)]
    _, labels = held_out()
    logits = np.stack(parts, axis=1).astype("float32")
    scaling = posthoc.fit_temperature(logits, labels, counts)
    scaled = scaling(logits)
    assert scaled.dtype == "float32"
    for k in range(3):
        one = posthoc.fit_temperature(logits[:, k], labels, counts)
        for name, temperature in one.temperatures.items():
            assert scaling.temperatures[name][k] == temperature
        np.testing.assert_array_equal(scaled[:, k], one(logits[:, k]))


def test_many_examples_in_parts(monkeypatch):
    logits, labels = held_out()
    whole = posthoc.fit_temperature(logits, labels)
    monkeypatch.setattr("keras_lt.posthoc.logit_arrays._VALUES_AT_A_TIME", 60)
    found = posthoc.fit_temperature(logits, labels)
    assert found.temperatures["all"] == pytest.approx(
        whole.temperatures["all"], rel=1e-9
    )


def test_logits_that_are_all_right():
    logits, labels = 2 * np.eye(6)[[0, 4, 5]], np.array([0, 4, 5])
    with pytest.warns(UserWarning, match="'all', as all of them") as caught:
        scaling = posthoc.fit_temperature(logits, labels)
    assert caught[0].filename == __file__
    assert scaling.temperatures["all"] == 1.0


def test_logits_that_are_worse_than_none():
    logits, labels = 2 * np.eye(6)[[0, 4, 5]], np.array([1, 1, 1])
    with pytest.warns(UserWarning, match="'all', as the logits say less"):
        scaling = posthoc.fit_temperature(logits, labels)
    assert scaling.temperatures["all"] == 1.0


def test_group_whose_answers_are_all_right():
    """It takes the temperature of all, unless that is worse than 1."""
    for sharpness in (0.5, 5.0):
        logits, labels = held_out(sharpness)
        labels = labels.copy()
        few = logits.argmax(axis=1) >= 4
        labels[few] = logits.argmax(axis=1)[few]
        with pytest.warns(UserWarning, match="'few', as all of") as caught:
            scaling = posthoc.fit_temperature(logits, labels, COUNTS)
        assert caught[0].filename == __file__
        of_all = posthoc.fit_temperature(logits, labels).temperatures["all"]
        assert (of_all < 1) == (sharpness == 0.5)
        assert scaling.temperatures["few"] == min(of_all, 1.0)


def test_group_whose_answers_are_worse_than_none():
    """It takes the temperature of all, unless 1 is better."""
    for sharpness in (0.3, 5.0):
        logits, labels = held_out(sharpness)
        labels = labels.copy()
        few = logits.argmax(axis=1) >= 4
        labels[few] = logits.argmin(axis=1)[few]
        logits[few] /= 50  # So that they hardly count in that of all.
        with pytest.warns(UserWarning, match="'few', as the logits say less"):
            scaling = posthoc.fit_temperature(logits, labels, COUNTS)
        of_all = posthoc.fit_temperature(logits, labels).temperatures["all"]
        assert (of_all < 1) == (sharpness == 0.3)
        assert scaling.temperatures["few"] == max(of_all, 1.0)


def test_equal_logits_have_no_temperature():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaling = posthoc.fit_temperature(np.ones((3, 6)), [0, 1, 2])
    assert scaling.temperatures["all"] == 1.0


def test_bad_input():
    logits, labels = held_out()
    with pytest.raises(ValueError, match="2 labels and 300 rows"):
        posthoc.fit_temperature(logits, labels[:2])
    with pytest.raises(ValueError, match="must be finite"):
        posthoc.fit_temperature(logits * np.inf, labels)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(300, 6\)"):
        posthoc.fit_temperature(logits, labels, [5, 5])
    scaling = posthoc.fit_temperature(logits, labels, COUNTS)
    with pytest.raises(ValueError, match=r"shape \(n, 6\).*\(300, 5\)"):
        scaling(logits[:, :5])
    with pytest.raises(ValueError, match=r"shape \(\) and .* \(300, 1, 6\)"):
        scaling(logits[:, None])
