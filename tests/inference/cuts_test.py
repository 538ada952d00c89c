"""Thresholds that part scores, where float32 is scarce."""

import numpy as np
import pytest

from keras_lt.inference.cuts import cut_between
from keras_lt.inference.cuts import spread_cuts


@pytest.mark.parametrize("low", [0.0, 1e-30, 0.1, 0.7, 0.9999999])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_neighbours_are_parted(low, steps):
    low = high = np.float32(low)
    for _ in range(steps):
        high = np.nextafter(high, np.float32(2))
    cut = cut_between(low, high)
    assert cut.dtype == np.float32
    assert low <= cut < high


def test_half_way():
    assert cut_between(np.float32(0.25), np.float32(0.75)) == 0.5


def test_all_places_of_few_values():
    scores = np.array([0.5, 0.25, 0.5, 1.0], "float32")
    assert spread_cuts(scores, 4).tolist() == [1.0, 0.75, 0.375, 0.0]
    assert spread_cuts(scores, 9).tolist() == [1.0, 0.75, 0.375, 0.0]
    assert spread_cuts(scores[:1], 2).tolist() == [1.0, 0.0]


def test_quantiles_of_many_values():
    scores = np.arange(1, 101, dtype="float32") / 128
    cuts = spread_cuts(scores, 6)
    assert (128 * cuts).tolist() == [128.0, 80.5, 60.5, 40.5, 20.5, 0.0]
    above = [(scores > cut).mean() for cut in cuts]
    np.testing.assert_allclose(above, [0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_most_scores_equal():
    scores = np.append(np.ones(98), [0.25, 0.75]).astype("float32")
    assert spread_cuts(scores, 3).tolist() == [1.0, 0.0]
