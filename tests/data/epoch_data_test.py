"""The data that a model trains on, read once more."""

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt.data.epoch_data import EpochData
from keras_lt.samplers import InOrder

X = np.arange(600, dtype="float32").reshape(600, 1)
Y = np.arange(600) % 7


def read(epoch_data, **kwargs):
    pairs = list(epoch_data.batches(**kwargs))
    images = np.concatenate([x for x, _ in pairs])
    return images, np.concatenate([y for _, y in pairs]), len(pairs)


def test_arrays():
    images, labels, number = read(EpochData(X, Y))
    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, Y)
    assert number == 3


def test_a_pair_of_arrays():
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 3
    (images, labels), *others = EpochData((x, y)).batches()
    np.testing.assert_array_equal(images, x)
    np.testing.assert_array_equal(labels, y)
    assert not others


def test_arrays_whose_labels_have_company():
    company = {"label": Y, "row": np.arange(600)}
    np.testing.assert_array_equal(read(EpochData(X, company))[1], Y)


def test_arrays_are_read_whole_whatever_the_steps():
    assert len(read(EpochData(X, Y), steps=1)[0]) == 600


def test_soft_labels_and_columns():
    soft = 0.8 * np.eye(7, dtype="float32")[Y]
    np.testing.assert_array_equal(read(EpochData(X, soft))[1], Y)
    np.testing.assert_array_equal(read(EpochData(X, Y[:, None]))[1], Y)


def test_tensors():
    x, y = (keras.ops.convert_to_tensor(one) for one in (X, Y))
    np.testing.assert_array_equal(read(EpochData(x, y))[1], Y)


def test_batches_follow_the_epoch_and_their_extras_are_dropped():
    batches = data.Batches(
        (X, Y), batch_size=100, extras={"row": np.arange(600)}
    )
    epoch_data = EpochData(batches)
    epochs = []
    for epoch in (0, 1, 0):
        epoch_data.set_epoch(epoch)
        images, labels, number = read(epoch_data)
        np.testing.assert_array_equal(labels, images[:, 0] % 7)
        assert number == 6
        epochs.append(images)
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert (epochs[0] != epochs[1]).any()


def test_extras_are_not_made():
    class Extra(data.BatchExtra):
        def for_batch(self, *args, **kwargs):
            raise AssertionError("Nobody looks at it.")

    batches = data.Batches((X, Y), batch_size=100, extras={"row": Extra()})
    assert read(EpochData(batches))[2] == 6


def test_a_limit_spreads_the_batches_over_the_epoch():
    batches = data.Batches(
        (X, Y), batch_size=50, sampler=InOrder(), num_threads=0
    )
    images, _, number = read(EpochData(batches), limit=4)
    assert number == 4
    assert images[:, 0].max() >= 450
    images, _, number = read(EpochData(X, Y), limit=2)
    assert number == 2
    assert images[:, 0].max() >= 512


def test_other_iterables_end_with_the_epoch():
    class Endless:
        def __iter__(self):
            while True:
                yield X[:10], Y[:10]

    assert read(EpochData(Endless()), steps=4)[2] == 4
    assert read(EpochData(Endless()), steps=4, limit=2)[2] == 2


def test_data_sets_of_other_frameworks():
    tf = pytest.importorskip("tensorflow")
    pairs = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    images, labels, number = read(EpochData(pairs), steps=12)
    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, Y)
    assert number == 12


class Sets:
    """100 batches of 6, with a length or without."""

    def __iter__(self):
        return iter([(X[i : i + 6], Y[i : i + 6]) for i in range(0, 600, 6)])


class KnownSets(Sets):
    def __len__(self):
        return 100


def test_a_limit_makes_few_other_batches():
    made = []

    def note(images, labels, generator):
        made.append(int(images[0, 0]) // 20)
        return images, labels

    batches = data.Batches((X, Y), 20, InOrder(), note, num_threads=2)
    images, _, number = read(EpochData(batches), limit=4)
    assert number == 4
    # Before the second one, nobody can know that those between are left out.
    assert set(made) - {1, 2, 3, 4} == {0, 8, 16, 24}
    np.testing.assert_array_equal(images[::20, 0] // 20, [0, 8, 16, 24])


def test_a_limit_holds_without_steps():
    images, _, number = read(EpochData(KnownSets()), limit=10)
    assert number == 10
    assert images[::6, 0].tolist() == list(range(0, 600, 60))
    images, _, number = read(EpochData(KnownSets()), limit=7)
    assert number == 7 and images[:, 0].max() >= 500


def test_first_batches_are_taken_where_the_length_is_unknown():
    images, _, number = read(EpochData(Sets()), limit=10)
    assert number == 10
    assert images[:, 0].tolist() == list(range(60))


def test_a_limit_ends_an_endless_data_set():
    tf = pytest.importorskip("tensorflow")
    pairs = tf.data.Dataset.from_tensor_slices((X, Y)).batch(50)
    assert read(EpochData(pairs.repeat()), limit=14)[2] == 14
    images, _, number = read(EpochData(pairs), limit=4)
    assert number == 4 and images[::50, 0].tolist() == [0, 150, 300, 450]


@pytest.mark.parametrize("convert", [np.asarray, keras.ops.convert_to_tensor])
def test_arrays_without_labels_are_refused(convert):
    match = r"come with their labels. Received: an array of shape \(600, 1\)"
    with pytest.raises(ValueError, match=match):
        EpochData(convert(X))


def test_labels_beside_batches_are_refused():
    with pytest.raises(ValueError, match="`y` must be left out.*a Batches"):
        EpochData(data.Batches((X, Y)), Y)


@pytest.mark.parametrize("labels", [Y[:300], np.tile(Y, 2)])
def test_arrays_of_another_length_are_refused(labels):
    with pytest.raises(ValueError, match=f"600 images and {len(labels)} label"):
        EpochData(X, labels)


def test_generators_are_refused():
    pairs = ((X, Y) for _ in range(3))
    with pytest.raises(ValueError, match="can be read again.*a generator"):
        EpochData(pairs)


def test_shards_read_each_example_once():
    images = np.arange(41, dtype="float32")[:, None]
    read_by = [
        read(
            EpochData(
                data.Batches((images, Y[:41]), 7, InOrder(), shard=(i, 3))
            )
        )
        for i in range(3)
    ]
    rows = np.concatenate([found for found, _, _ in read_by]).ravel()
    labels = np.concatenate([found for _, found, _ in read_by])
    assert sorted(rows) == list(range(41))
    np.testing.assert_array_equal(labels, Y[rows.astype(int)])


def test_a_shard_may_come_to_its_end_before():
    images = np.arange(5, dtype="float32")[:, None]
    batches = data.Batches((images, Y[:5]), 1, InOrder(), shard=(2, 3))
    found, _, number = read(EpochData(batches))
    assert found.ravel().tolist() == [2] and number == 1


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return np.full((2, 3), index), np.array([0, 1])


def test_a_data_set_without_an_end_is_read_in_steps():
    epoch_data = EpochData(Endless())
    found = [x[0, 0] for x, _ in epoch_data.batches(steps=4)]
    assert found == [0, 1, 2, 3]
    assert len(list(epoch_data.batches(limit=3))) == 3
    with pytest.raises(ValueError, match="`num_batches` is None"):
        next(epoch_data.batches())
