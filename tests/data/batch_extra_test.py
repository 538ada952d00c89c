"""Values that go along with a batch and depend on its place or images."""

import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import BatchExtra
from keras_lt.data import transforms

N = 50
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype="uint8")
LABELS = np.arange(N) % 4


class Place(BatchExtra):
    """Epoch, position, row and the sum of the image: all there is to know."""

    def for_batch(self, epoch, positions, rows, images):
        places = np.arange(positions.start, positions.stop)
        sums = images.sum(axis=(1, 2, 3), dtype="float64")
        return np.stack([np.full(len(rows), epoch), places, rows, sums], axis=1)


def make(**options):
    options = {
        "batch_size": 8,
        "sampler": samplers.ClassBalanced(),
        "transform": transforms.cifar(),
        "seed": 3,
        **options,
    }
    return Batches((IMAGES, LABELS), **options)


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("shard", [(0, 1), (1, 3)])
def test_place_and_images_of_each_batch(threads, shard):
    batches = make(extras={"place": Place()}, num_threads=threads, shard=shard)
    draws = N // shard[1]
    for epoch in (2, 0):
        batches.set_epoch(epoch)
        rows = batches.rows()
        for index in (0, 3, 1, len(batches) - 1, 0):
            if index >= len(batches):
                continue
            x, y = batches[index]
            positions = np.arange(index * 8, min(index * 8 + 8, draws))
            assert len(x) == len(positions)
            sums = x.sum(axis=(1, 2, 3), dtype="float64")
            np.testing.assert_array_equal(
                y["place"],
                np.stack(
                    [
                        np.full(len(x), epoch),
                        positions,
                        rows[positions],
                        sums,
                    ],
                    axis=1,
                ),
            )
            np.testing.assert_array_equal(y["label"], LABELS[rows[positions]])


def test_last_batch_that_is_dropped():
    batches = make(extras={"place": Place()}, last_batch="drop")
    assert batches[-1][1]["place"][-1, 1] == 47


def test_mixed_images_take_extras_of_batches_but_no_arrays():
    mixup = transforms.Mixup(4)
    x, y = make(transform=mixup, extras={"place": Place()})[1]
    assert y["label"].shape == (8, 4)
    np.testing.assert_allclose(
        y["place"][:, 3], x.sum(axis=(1, 2, 3), dtype="float64")
    )
    both = {"place": Place(), "row": np.arange(N)}
    with pytest.raises(ValueError, match=r"mixes examples.*extras=\['row'\]"):
        make(transform=mixup, extras=both)


def test_same_batches_with_other_extras():
    plain = make(extras={"row": np.arange(N)}, num_threads=2)
    plain.set_epoch(1)
    other = plain.with_extras({**plain.extras, "place": Place()})
    assert other.epoch == 1
    other.set_epoch(2)
    assert (plain.epoch, sorted(plain.extras)) == (1, ["row"])
    for index in range(len(plain)):
        assert (other[index][1]["place"][:, 0] == 2).all()
        assert sorted(plain[index][1]) == ["label", "row"]
    plain.set_epoch(2)
    for index in range(len(plain)):
        (x, y), (other_x, other_y) = plain[index], other[index]
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y["label"], other_y["label"])
        np.testing.assert_array_equal(y["row"], other_y["row"])
    assert isinstance(other.with_extras(None)[0][1], np.ndarray)
    with pytest.raises(ValueError, match="one entry per example, 50"):
        plain.with_extras({"row": np.arange(3)})


def test_a_copy_has_threads_and_warnings_of_its_own():
    plain = make(num_threads=1)
    other = plain.with_extras({"place": Place()})
    for _ in range(4):
        plain[0], other[0]
    with pytest.warns(UserWarning, match="of epoch 0 every time"):
        plain[0]
    with pytest.warns(UserWarning, match="of epoch 0 every time"):
        other[0]


def test_fit_refuses_more_epochs_than_there_are_values_for():
    class Short(Place):
        epochs = 2

    batches = make(extras={"place": Short(), "row": np.arange(N)})
    callback = batches.callback()
    for epochs, refused in [(2, False), (3, True)]:
        callback.set_params({"epochs": epochs, "steps": len(batches)})
        if not refused:
            callback.on_train_begin()
            continue
        with pytest.raises(ValueError, match="epochs=3, and 'place' for 2"):
            callback.on_train_begin()


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="for_batch"):
        BatchExtra()
