import numpy as np
import pytest

from keras_lt import data


class Squares:
    """A lazy source that notes what it was asked for."""

    shape = (6, 2, 2, 1)

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 6

    def __getitem__(self, rows):
        self.asked.append(rows)
        values = np.arange(6)[rows] ** 2
        return np.ones((2, 2, 1), "uint8") * values[..., None, None, None]


def images(count: int = 4, dtype: str = "uint8") -> np.ndarray:
    return np.arange(count * 4).reshape(count, 2, 2, 1).astype(dtype)


def test_labels_become_int32():
    examples = data.Examples(images(), np.array([[0], [1], [2], [1]], "int64"))
    assert examples.y.dtype == np.int32
    assert examples.y.tolist() == [0, 1, 2, 1]
    assert len(examples) == 4


def test_arrays_are_not_copied():
    x = images()
    examples = data.Examples(x, np.zeros(4, int))
    assert examples.x is x
    assert np.shares_memory(examples.take(slice(1, 3)).x, x)


def test_take_keeps_rows_of_the_source():
    part = data.Examples(images(), np.array([5, 6, 7, 8])).take([3, 1, 0])
    again = part.take([2, 0])
    assert again.y.tolist() == [5, 8]
    assert again.rows.tolist() == [0, 3]
    np.testing.assert_array_equal(again.x, images()[[0, 3]])


def test_take_of_a_lazy_source_stays_lazy():
    source = Squares()
    part = data.Examples(source, np.arange(6)).take([5, 3, 2]).take([2, 0])
    assert isinstance(part.x, data.ImageRows)
    assert part.x.shape == (2, 2, 2, 1)
    assert source.asked == []
    assert part.x[np.array([1, 0])].max(axis=(1, 2, 3)).tolist() == [25, 4]
    assert part.x[:1].shape == (1, 2, 2, 1)
    assert part.x[1].shape == (2, 2, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_image_that_is_not_finite_is_named(value):
    x = images(5000, "float32")
    x[4321, 1, 0, 0] = value
    with pytest.raises(ValueError, match="infinity, first in row 4321 of"):
        data.Examples(x, np.zeros(5000, int))


@pytest.mark.parametrize(
    "x, message",
    [
        (
            np.zeros((4, 2, 2)),
            r"hold images.*shape \(4, 2, 2\).*x\[",
        ),
        (np.zeros((4, 2, 2, 1), "U1"), "must hold numbers. Received: dtype"),
        ("photos", "must be a NumPy array.*Received: str"),
        (images(3), "same length. Received: 3 images and 4 labels"),
    ],
)
def test_bad_images(x, message):
    with pytest.raises(ValueError, match=message):
        data.Examples(x, np.zeros(4, int))


@pytest.mark.parametrize(
    "y, message",
    [
        ([0, 1, 2, -1], "`y` must be 0 or greater. Received: -1 at row 3"),
        ([0.0, 1, 2, 3], "`y` must be integer class ids.*float64"),
        (list("abcd"), "`y` must be integer class ids.*np.unique"),
        (np.eye(4, dtype=int), r"`y` must hold one class id.*\(4, 4\)"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        data.Examples(images(), y)


def test_rows_of_another_length():
    with pytest.raises(ValueError, match=r"one number per image.*\(3,\) for 4"):
        data.Examples(images(), np.zeros(4, int), rows=np.arange(3))


def test_no_examples():
    with pytest.raises(ValueError, match="one image or more. Received: 0"):
        data.Examples(images(0), np.zeros(0, int))
    with pytest.raises(ValueError, match="one example or more. .* 0 rows of 4"):
        data.Examples(images(), np.zeros(4, int)).take([])


def sources(x):
    """The same images in memory, lazy, and in a part of a lazy source."""
    twice = np.repeat(x, 2, axis=0)
    part = data.ImageRows(twice, np.arange(0, len(twice), 2))
    return [x, data.ImageRows(x, np.arange(len(x))), part]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_mask_takes_where_it_is_true(kind):
    x, y = images(7), np.array([0, 3, 1, 3, 2, 0, 3])
    examples = data.Examples(sources(x)[kind], y)
    taken = examples.take(y == 3)
    assert taken.rows.tolist() == [1, 3, 6]
    assert taken.y.tolist() == [3, 3, 3]
    np.testing.assert_array_equal(taken.x[:], x[[1, 3, 6]])
    np.testing.assert_array_equal(data.ImageRows(x, y == 3)[:], x[[1, 3, 6]])
    assert examples.take([-1, 0]).rows.tolist() == [6, 0]
    assert examples.take(np.array([2], "uint8")).rows.tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "received"),
    [
        ([0.0, 1.9], r"dtype=float64 of shape \(2,\)"),
        (np.ones(3, bool), r"dtype=bool of shape \(3,\)"),
        (np.ones((4, 1), int), r"dtype=int64 of shape \(4, 1\)"),
        (2, r"dtype=int64 of shape \(\)"),
        (["1"], r"dtype=<U1 of shape \(1,\)"),
    ],
)
def test_rows_that_are_no_numbers_are_refused(rows, received):
    x, y = images(4), np.zeros(4, int)
    message = f"`rows` must be whole .*each of the 4 rows. Received: {received}"
    with pytest.raises(ValueError, match=message):
        data.Examples(x, y).take(rows)
    with pytest.raises(ValueError, match=message):
        data.ImageRows(x, rows)
    with pytest.raises(ValueError, match=message):
        data.ImageRows(x, np.arange(4)).take(rows)


def test_no_rows_at_all_are_still_named():
    with pytest.raises(ValueError, match="one example or more.*0 rows of 4"):
        data.Examples(images(4), np.zeros(4, int)).take([])
