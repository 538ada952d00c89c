"""Augmentation on the device against loops in NumPy."""

import keras
import numpy as np
import pytest

from keras_lt.ops import augmentation
from tests.checks import to_numpy

COUNT, HEIGHT, WIDTH = 7, 6, 5


def tensors(*arrays):
    return [keras.ops.convert_to_tensor(one) for one in arrays]


def images(dtype="uint8", channels=3):
    rng = np.random.default_rng(0)
    values = rng.integers(1, 256, (COUNT, HEIGHT, WIDTH, channels))
    return values.astype(dtype)


def draws(low, high, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(low, high, COUNT).astype("int32")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("padding", [1, 4])
def test_shifted_cuts_out_of_the_padded_image(padding, dtype):
    x = images(dtype)
    tops, lefts = draws(0, 2 * padding + 1), draws(0, 2 * padding + 1, 2)
    tops[0], lefts[0] = 0, 2 * padding  # The farthest there is.
    around = ((padding, padding), (padding, padding), (0, 0))
    found = to_numpy(augmentation.shifted(*tensors(x, tops, lefts), padding))
    assert str(found.dtype) == dtype
    for one, result, top, left in zip(x, found, tops, lefts, strict=True):
        padded = np.pad(one, around)
        expected = padded[top : top + HEIGHT, left : left + WIDTH]
        np.testing.assert_array_equal(result, expected)


def test_mirrored_turns_those_with_a_flag():
    x, flags = images(), np.array([1, 0, 0, 1, 1, 0, 1], "int32")
    found = to_numpy(augmentation.mirrored(*tensors(x, flags)))
    for one, result, flag in zip(x, found, flags, strict=True):
        expected = one[:, ::-1] if flag else one
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("fill", [0, 2.75, (1.5, 200, 3)])
def test_blanked_fills_a_square_cut_off_at_the_border(fill, dtype):
    x, size = images(dtype), 4
    tops, lefts = draws(-2, HEIGHT), draws(-2, WIDTH, 2)
    tops[0] = lefts[0] = -2
    given = tensors(x, tops, lefts)
    found = to_numpy(augmentation.blanked(*given, size, fill))
    for one, result, top, left in zip(x, found, tops, lefts, strict=True):
        expected = one.copy()
        for row in range(max(top, 0), min(top + size, HEIGHT)):
            for column in range(max(left, 0), min(left + size, WIDTH)):
                expected[row, column] = fill
        np.testing.assert_array_equal(result, expected)


def test_mixed_adds_shares():
    x, partners = images(), np.roll(np.arange(COUNT), 2).astype("int32")
    share = np.linspace(0, 1, COUNT, dtype="float32")
    found = to_numpy(augmentation.mixed(*tensors(x, partners, share)))
    for i in range(COUNT):
        wide = x.astype("float64")
        expected = share[i] * wide[i] + (1 - share[i]) * wide[partners[i]]
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-4)


def test_pasted_takes_a_rectangle_of_the_partner():
    x, partners = images(), np.roll(np.arange(COUNT), 1).astype("int32")
    rows = draws(0, 3), draws(2, HEIGHT + 1, 2)
    columns = draws(0, WIDTH, 3), draws(0, WIDTH, 4)  # Some are empty.
    spans = tensors(*rows), tensors(*columns)
    found = to_numpy(augmentation.pasted(*tensors(x, partners), *spans))
    for i in range(COUNT):
        expected = x[i].copy()
        for row in range(rows[0][i], rows[1][i]):
            for column in range(columns[0][i], columns[1][i]):
                expected[row, column] = x[partners[i], row, column]
        np.testing.assert_array_equal(found[i], expected)
