import tracemalloc

import numpy as np
import pytest

from keras_lt import class_groups
from keras_lt import data
from keras_lt.data.arrays import split_of_rows


def pair(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.random.RandomState(1).permutation(
        np.repeat(np.arange(len(counts)), counts)
    )
    x = np.broadcast_to(
        np.arange(len(y))[:, None, None, None], (len(y), 2, 2, 1)
    )
    return x.astype("uint16"), y


def test_everything_is_used_without_a_copy():
    x, y = pair(5, 3)
    split = data.from_arrays(x, y, test=(x[:2], y[:2]))
    assert split.train.x is x
    assert split.validation is None
    assert len(split.test) == 2
    assert split.class_names == ["0", "1"]


def test_validation_leaves_each_class_an_image():
    x, y = pair(120, 30, 1)
    split = data.from_arrays(x, y, validation_fraction=0.2, seed=3)
    assert split.class_counts == [96, 24, 1]
    assert np.bincount(split.validation.y).tolist() == [24, 6]
    groups = class_groups(split.class_counts)
    assert {name: list(labels) for name, labels in groups.items()} == {
        "many": [],
        "medium": [0, 1],
        "few": [2],
    }
    seen = np.concatenate(
        [part.x[:, 0, 0, 0] for part in (split.train, split.validation)]
    )
    assert sorted(seen) == list(range(151))
    for part in (split.train, split.validation):
        np.testing.assert_array_equal(part.y, y[part.x[:, 0, 0, 0]])
        np.testing.assert_array_equal(part.rows, part.x[:, 0, 0, 0])


def test_long_tailed_subset():
    x, y = pair(50, 50, 50)
    split = data.from_arrays(x, y, imbalance_factor=10, validation_fraction=0.2)
    rows = data.long_tailed_rows(y, 10)
    assert split.class_counts == [40, 12, 4]
    held = split.validation.rows
    np.testing.assert_array_equal(split.train.rows, rows[~np.isin(rows, held)])
    np.testing.assert_array_equal(split.train.x[:, 0, 0, 0], split.train.rows)


def test_held_out_of_what_the_rows_leave_over():
    x, y = pair(9, 6, 3)
    full = data.Examples(x, y)
    order = np.argsort(y, kind="stable")  # 9 zeros, 6 ones, 3 twos.
    rows, test = order[[0, 1, 2, 3, 9, 15]], order[[4, 5, 10, 16]]
    split = split_of_rows(
        full, rows=rows, not_spare=test, validation_per_class=3
    )
    assert split.class_counts == [4, 1, 1]
    assert np.bincount(split.validation.y).tolist() == [3, 3, 1]
    held = split.validation.rows
    assert not set(held) & {*rows, *test}
    np.testing.assert_array_equal(split.validation.y, y[held])
    np.testing.assert_array_equal(split.validation.x[:, 0, 0, 0], held)
    assert split.settings["validation_per_class"] == 3


def test_seed_decides_what_is_held_out_of_the_rest():
    x, y = pair(40, 40)
    rows = np.flatnonzero(np.arange(80) % 4 == 0)
    first, again, other = (
        split_of_rows(
            data.Examples(x, y), rows=rows, validation_per_class=9, seed=seed
        ).validation.rows
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_held_out_of_half_of_the_classes_is_refused():
    """What is chosen on tail classes alone gives the head up."""
    x, y = pair(9, 6, 3, 3)
    order = np.argsort(y, kind="stable")
    rows = np.setdiff1d(order, order[[15, 18]])  # One of each of two classes.
    with pytest.raises(ValueError, match="leaves some of 2 classes of 4"):
        split_of_rows(data.Examples(x, y), rows=rows, validation_per_class=1)


@pytest.mark.parametrize("per_class", [-1, 2.5])
def test_number_per_class_out_of_range(per_class):
    x, y = pair(9, 6)
    with pytest.raises(ValueError, match="`validation_per_class` must be"):
        split_of_rows(data.Examples(x, y), validation_per_class=per_class)


def test_same_seed_same_split():
    x, y = pair(40, 20)
    first, again, other = (
        data.from_arrays(x, y, validation_fraction=0.5, seed=seed).manifest()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first["parts"] != other["parts"]


def test_lazy_source_stays_lazy():
    files = data.ImageFiles([f"{row}.png" for row in range(10)], (4, 4))
    split = data.from_arrays(files, np.arange(10) % 2, validation_fraction=0.4)
    assert len(split.train.x.paths) == 6
    assert split.validation.x.shape == (4, 4, 4, 3)


def test_label_beyond_the_class_names():
    x, y = pair(2, 2, 1)
    row = int(np.argmax(y == 2))
    with pytest.raises(ValueError, match=f"es, 2. Received: 2 at row {row}"):
        data.from_arrays(x, y, class_names=["a", "b"])


@pytest.mark.parametrize(
    "counts, message",
    [
        ((4,), "two classes or more"),
        ((2, 0, 1), "1 of 3 classes without, first label 1"),
        ((), "one image or more"),
    ],
)
def test_classes_that_cannot_be_learned(counts, message):
    with pytest.raises(ValueError, match=message):
        data.from_arrays(*pair(*counts))


def test_two_images_of_two_classes_are_enough():
    split = data.from_arrays(*pair(1, 1), validation_fraction=0.5)
    assert split.class_counts == [1, 1]
    assert split.validation is None


def test_fraction_out_of_range():
    with pytest.raises(ValueError, match="`validation_fraction` must be"):
        data.from_arrays(*pair(2, 2), validation_fraction=1.0)


def test_nan_in_the_images():
    x, y = pair(3, 3)
    x = x.astype("float32")
    x[4, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite.*first in row 4 of"):
        data.from_arrays(x, y)


def test_images_are_copied_once_at_most():
    x = np.zeros((4000, 32, 32, 3), "uint8")
    tracemalloc.start()
    split = data.from_arrays(x, np.arange(4000) % 4, validation_fraction=0.2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(split.train) + len(split.validation) == 4000
    assert peak < 1.1 * x.nbytes


def test_ids_of_a_database_are_no_labels():
    x, y = pair(3, 3)
    with pytest.raises(ValueError, match="label 2000000001 with 6 training"):
        data.from_arrays(x, y + 2_000_000_000, validation_fraction=0.5)


@pytest.mark.parametrize("seed", [None, -1, 1.5])
def test_seed_is_a_whole_number(seed):
    x, y = pair(3, 3)
    for how in ({"validation_fraction": 0.5}, {"imbalance_factor": 1}):
        with pytest.raises(ValueError, match="`seed` must be a whole number"):
            data.from_arrays(x, y, seed=seed, **how)
