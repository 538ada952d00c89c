"""Thresholds at which given shares leave."""

import numpy as np
import pytest

from keras_lt.inference import thresholds_for_shares
from tests.inference.exit_data import leaves_at
from tests.inference.exit_data import some_outcomes


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1000])
@pytest.mark.parametrize(
    "shares",
    [[0.3, 0.3, 0.4], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]],
)
def test_shares_are_met_to_the_last_example(size, shares):
    scores = some_outcomes(size, seed=size).scores
    thresholds = thresholds_for_shares(scores, shares)
    exits = leaves_at(scores, thresholds)
    left = [np.count_nonzero(exits <= k) for k in (1, 2)]
    assert left == np.round(np.cumsum(shares)[:2] * size).tolist()


def test_the_surest_leave_and_nobody_or_all_at_the_ends():
    scores = np.array([[0.9, 0.2], [0.7, 0.8], [0.3, 0.1], [0.5, 0.6]])
    found = thresholds_for_shares(scores, [0.25, 0.5, 0.25])
    np.testing.assert_allclose(found, [0.8, 0.35])
    assert thresholds_for_shares(scores, [0, 0, 1]) == [1.0, 1.0]
    assert thresholds_for_shares(scores, [1, 0, 0])[0] == 0.0


def test_equal_scores_stay_together():
    scores = np.array([[0.9], [0.6], [0.6], [0.6], [0.2]])
    found = thresholds_for_shares(scores, [0.6, 0.4])
    np.testing.assert_allclose(found, [0.75])
    scores = np.ones((4, 1))
    assert thresholds_for_shares(scores, [0.5, 0.5]) == [1.0]
    # What ties kept inside leaves at the next exit.
    scores = np.array([[1.0, 0.8], [1.0, 0.6], [1.0, 0.4], [1.0, 0.2]])
    found = thresholds_for_shares(scores, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(found, [1.0, 0.5])


def test_neighbours_in_float32_are_parted():
    low = np.float32(0.7)
    scores = np.array([[np.nextafter(low, np.float32(1))], [low]])
    found = thresholds_for_shares(scores, [0.5, 0.5])
    assert leaves_at(scores, found).tolist() == [1, 2]


def test_one_exit():
    assert thresholds_for_shares(np.zeros((5, 0)), [1.0]) == []


@pytest.mark.parametrize(
    ("scores", "shares", "message"),
    [
        (np.zeros(3), [1], r"of shape \(n, exits - 1\).*shape \(3,\)"),
        (np.zeros((0, 1)), [0.5, 0.5], "one example or more"),
        (np.full((2, 1), 3.0), [0.5, 0.5], "values from 3.0 to 3.0"),
        (np.full((2, 1), np.nan), [0.5, 0.5], "from 0 to 1"),
        (np.zeros((2, 1)), [1.0], r"2 in all. Received: shape \(1,\)"),
        (np.zeros((2, 1)), [0.5, 0.6], "which sum to 1.1"),
        (np.zeros((2, 1)), [1.5, -0.5], "0 or greater and sum to 1"),
    ],
)
def test_bad_input(scores, shares, message):
    with pytest.raises(ValueError, match=message):
        thresholds_for_shares(scores, shares)
