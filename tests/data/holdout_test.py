import numpy as np
import pytest

from keras_lt.data.holdout import draw_per_class
from keras_lt.data.holdout import hold_out
from keras_lt.data.holdout import spare_rows

LABELS = np.random.RandomState(0).permutation(
    np.repeat(np.arange(6), [200, 45, 15, 5, 2, 1])
)


@pytest.mark.parametrize(
    "fraction, expected",
    [
        (0.0, [0, 0, 0, 0, 0, 0]),
        (0.1, [20, 5, 2, 1, 0, 0]),
        (0.5, [100, 23, 8, 3, 1, 0]),
        (0.99, [198, 44, 14, 4, 1, 0]),
    ],
)
def test_counts_of_each_class(fraction, expected):
    stay, held = hold_out(LABELS, fraction)
    assert np.bincount(LABELS[held], minlength=6).tolist() == expected
    assert sorted([*stay, *held]) == list(range(len(LABELS)))
    assert np.bincount(LABELS[stay], minlength=6).min() > 0


def test_rows_come_in_ascending_order():
    for rows in hold_out(LABELS, 0.3, seed=1):
        assert (np.diff(rows) > 0).all()


def test_seed_decides():
    first, again, other = (hold_out(LABELS, 0.3, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_every_row_has_the_same_chance():
    labels = np.repeat([0, 1], [10, 4])
    drawn = np.zeros(14)
    for seed in range(2000):
        drawn[draw_per_class(labels, np.array([3, 1]), seed)[1]] += 1
    expected = np.repeat([0.3, 0.25], [10, 4])
    np.testing.assert_allclose(drawn / 2000, expected, atol=0.04)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, np.nan])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match="at least 0 and smaller than 1"):
        hold_out(LABELS, fraction)


USED = np.concatenate(
    [np.flatnonzero(LABELS == label)[:used] for label, used in
     enumerate([190, 45, 0, 2, 1, 1])]
)  # fmt: skip


@pytest.mark.parametrize(
    "per_class, expected",
    [(1, [1, 0, 1, 1, 1, 0]), (4, [4, 0, 4, 3, 1, 0]), (99, [10, 0, 15, 3, 1])],
)
def test_spare_rows_are_as_many_as_wanted_or_left(per_class, expected):
    rows = spare_rows(LABELS, USED, per_class)
    found = np.bincount(LABELS[rows], minlength=6)
    assert found.tolist() == [*expected, 0][:6]
    assert not set(rows) & set(USED)
    assert (np.diff(rows) > 0).all()


def test_seed_decides_which_spare_rows():
    first, again, other = (spare_rows(LABELS, USED, 5, s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_every_spare_row_has_the_same_chance():
    labels, used = np.repeat([0, 1], [10, 4]), np.array([0, 1, 13])
    drawn = np.zeros(14)
    for seed in range(2000):
        drawn[spare_rows(labels, used, 2, seed)] += 1
    expected = np.repeat([0.0, 1 / 4, 2 / 3, 0.0], [2, 8, 3, 1])
    np.testing.assert_allclose(drawn / 2000, expected, atol=0.04)
