"""What batches hold, and what changes them."""

import threading
import time
import types
import warnings
import zlib

import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import transforms

N = 50


def examples(dtype="uint8"):
    images = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3))
    return images.astype(dtype), np.arange(N) % 4


def content(batches, epoch):
    batches.set_epoch(epoch)
    return [batches[i] for i in range(len(batches))]


def assert_same(first, second):
    for (x, y), (other_x, other_y) in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, other_x)
        np.testing.assert_array_equal(y, other_y)


def make(**options):
    options = {
        "batch_size": 8,
        "transform": transforms.cifar(),
        "seed": 3,
        **options,
    }
    return Batches(examples(), **options)


def test_batches_are_the_rows_of_the_sampler():
    images, labels = examples()
    sampler = samplers.ClassBalanced()
    batches = Batches((images, labels), 8, sampler, seed=3)
    for epoch in (0, 2):
        rows = sampler(labels, seed=3, epoch=epoch)
        np.testing.assert_array_equal(batches.rows(epoch), rows)
        parts = content(batches, epoch)
        assert [len(y) for _, y in parts] == [8] * 6 + [2]
        x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
        np.testing.assert_array_equal(x, images[rows])
        np.testing.assert_array_equal(y, labels[rows])
        assert x.dtype == "uint8" and y.dtype == "int32"


def test_order_of_requests_and_threads_change_nothing():
    expected = {e: content(make(num_threads=0), e) for e in (0, 1)}
    for threads in (1, 3):
        batches = make(num_threads=threads)
        for epoch in (1, 0, 1):
            assert_same(content(batches, epoch), expected[epoch])
        for index in (6, 2, 2, 0, 5, -1):
            assert_same([batches[index]], [expected[1][index]])
    assert not np.array_equal(expected[0][0][0], expected[1][0][0])
    other = content(make(seed=4), 0)
    assert not np.array_equal(other[0][0], expected[0][0][0])


def test_batches_of_an_epoch_are_transformed_differently():
    images = np.tile(examples()[0][:1], (N, 1, 1, 1))
    batches = Batches((images, np.zeros(N, int)), 8, None, transforms.cifar())
    first, second = batches[0][0], batches[1][0]
    assert not np.array_equal(first, second)


def test_an_epoch_that_changes_in_the_middle():
    expected = {e: content(make(num_threads=0), e) for e in (0, 1)}

    def slow(images, labels, generator):
        time.sleep(0.002)
        return transforms.cifar()(images, labels, generator)

    batches = make(transform=slow, num_threads=2)
    for turn in range(12):
        epoch, index = turn % 2, turn % 5
        batches.set_epoch(epoch)
        assert_same([batches[index]], [expected[epoch][index]])


def test_many_consumers_get_their_own_batches():
    expected = content(make(num_threads=0), 0)
    batches, wrong = make(num_threads=2), []
    batches.set_epoch(0)

    def consume(order):
        for index in order:
            if not np.array_equal(batches[index][0], expected[index][0]):
                wrong.append(index)

    orders = [np.random.default_rng(i).permutation(7) for i in range(6)]
    consumers = [threading.Thread(target=consume, args=(o,)) for o in orders]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert not wrong


def test_next_batches_are_made_before_they_are_asked_for():
    made, enough = [], threading.Event()

    def record(images, labels, generator):
        made.append(len(images))
        if len(made) == 3:
            enough.set()
        return images, labels

    batches = make(transform=record, num_threads=1)
    batches[0]
    assert enough.wait(10)
    made.clear()
    batches = make(transform=record, num_threads=0)
    batches[0]
    assert made == [8]


def test_shards_share_the_epoch():
    options = {"batch_size": 4, "sampler": samplers.InstanceBalanced()}
    shards = [make(shard=(i, 3), **options) for i in range(3)]
    rows = np.concatenate([shard.rows(5) for shard in shards])
    assert len(set(rows.tolist())) == len(rows) == 48
    assert {len(shard) for shard in shards} == {4}


def test_shards_draw_other_numbers_for_their_transforms():
    drawn = [[], []]
    for number, own in enumerate(drawn):

        def transform(images, labels, generator, own=own):
            own.append(generator.random())
            return images, labels

        content(make(shard=(number, 2), transform=transform, num_threads=0), 0)
    assert len(set(drawn[0] + drawn[1])) == 2 * len(drawn[0]) > 4


def test_all_shards_evaluate_each_example_once():
    images, labels = examples()
    images, labels = images[:41], labels[:41]
    shards = [
        Batches((images, labels), 8, samplers.InOrder(), shard=(i, 3))
        for i in range(3)
    ]
    # 41 are 14, 14 and 13, of which one is padded.
    assert {len(shard) for shard in shards} == {2}
    assert [len(shards[2][i][1]) for i in range(2)] == [8, 6]
    for shard in shards:
        assert [shard.num_examples(i) for i in range(2)] == [24, 17]
    own = [[s.num_own_examples(i) for i in range(2)] for s in shards]
    assert own == [[8, 6], [8, 6], [8, 5]]
    assert [make().num_examples(i) for i in (0, 6)] == [8, 2]
    assert make().num_own_examples(6) == 2
    assert make(shard=(1, 3)).num_examples(0) == 24


def test_automatic_shard_is_everything_in_one_process():
    assert make(shard="auto").shard == make().shard == (0, 1)


def test_last_batch_and_length():
    assert len(make()) == 7
    dropped = make(last_batch="drop")
    assert len(dropped) == 6 and len(dropped[5][1]) == 8
    with pytest.raises(IndexError, match="There are 6 batches"):
        dropped[6]
    assert len(list(dropped)) == 6


def test_extras_and_row_numbers_follow_the_rows():
    features = np.random.default_rng(1).normal(size=(N, 5))
    batches = make(extras={"features": features, "row": np.arange(N)})
    for x, y in content(batches, 1):
        assert sorted(y) == ["features", "label", "row"]
        np.testing.assert_array_equal(y["features"], features[y["row"]])
        np.testing.assert_array_equal(y["label"], y["row"] % 4)
        assert len(x) == len(y["row"])


def test_one_hot_labels():
    hard, soft = make(), make(one_hot=True, num_classes=6)
    assert soft[0][1].dtype == "float32"
    np.testing.assert_array_equal(soft[0][1], np.eye(6)[hard[0][1]])
    mixed = make(
        transform=transforms.Mixup(6), one_hot=True, num_classes=6, seed=1
    )
    assert mixed[0][1].shape == (8, 6)


def test_examples_of_other_kinds():
    images, labels = examples()

    class Source:
        def __len__(self):
            return N

        def __getitem__(self, rows):
            return images[rows]

    lazy = types.SimpleNamespace(x=Source(), y=labels[:, None])
    for kind in (lazy, [images.tolist(), labels.tolist()]):
        assert_same(
            content(Batches(kind, 8), 0),
            content(make(transform=None, seed=0), 0),
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite(value):
    images, labels = examples("float32")
    images[[17, 19], 2, 3, 1] = value
    batches = Batches((images, labels), 8, samplers.InOrder())
    assert len(batches[1][1]) == 8
    with pytest.raises(ValueError, match="in 2 of 8 images .* first at row 17"):
        batches[2]
    quiet = Batches((images, labels), 8, samplers.InOrder(), check_finite=False)
    assert not np.isfinite(quiet[2][0]).all()


def test_a_transform_that_makes_nan():
    def divide(images, labels, generator):
        return images * np.float32(np.nan), labels

    with pytest.raises(ValueError, match="NaN or infinity in 8 of 8 images"):
        make(transform=divide, sampler=samplers.InOrder())[0]


def test_great_pixels_are_finite():
    images = np.full((4, 2, 2, 1), 3e38, "float32")
    assert len(Batches((images, np.arange(4)))[0][1]) == 4


WRONG = [
    ({"examples": 3}, "`examples` must have `.x` and `.y`.* type int"),
    ({"examples": ([], [])}, "`examples` must hold at least one example"),
    ({"examples": (np.zeros((3, 2)), [0])}, "3 images and 1 labels"),
    ({"examples": (np.zeros((2, 2)), [0, -1])}, "`labels` must be 0 or"),
    ({"examples": (np.zeros((2, 2)), [0.5, 1])}, "`labels` must be integer"),
    ({"num_classes": 3}, "must be below the number of classes, 3. .* row 3"),
    ({"batch_size": 0}, "`batch_size` must be a whole number, 1 or greater"),
    ({"sampler": "balanced"}, "`sampler` must be an instance .* str"),
    ({"sampler": samplers.InOrder}, "Received: the class InOrder"),
    ({"seed": -1}, "`seed` must be a whole number, 0 or greater"),
    ({"one_hot": True}, "`one_hot=True` needs the number of classes"),
    ({"last_batch": "pad"}, "`last_batch` must be one of 'keep', 'drop'"),
    ({"batch_size": 51, "last_batch": "drop"}, "leave at least one batch"),
    ({"shard": (3, 3)}, "`shard` must be"),
    ({"shard": (0, 51)}, "leave at least one batch"),
    ({"num_threads": -1}, "`num_threads` must be a whole number, 0 or greater"),
    ({"extras": {"row": np.arange(3)}}, "one entry per example, 50.*'row'"),
    ({"extras": {"label": np.arange(N)}}, "names other than 'label'"),
    (
        {"extras": {"a": np.arange(N)}, "transform": transforms.Mixup(4)},
        "the transform mixes examples",
    ),
]


@pytest.mark.parametrize("wrong, message", WRONG)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        Batches(**{"examples": examples(), **wrong})


def test_a_sampler_of_another_length():
    class Half(samplers.Sampler):
        def draw(self, index, generator, epoch):
            return np.arange(len(index) // 2, dtype="int32")

    with pytest.raises(ValueError, match="25 rows from Half.* for 50 examples"):
        make(sampler=Half())[0]


def test_a_forgotten_epoch_warns_once():
    batches = make()
    with pytest.warns(UserWarning, match=r"callbacks=\[batches.callback\(\)\]"):
        for _ in range(5):
            batches[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for quiet in (batches, make(sampler=samplers.InOrder())):
            for _ in range(9):
                quiet[0]
        told = make()
        told.set_epoch(0)
        for _ in range(9):
            told[0]


@pytest.mark.parametrize(
    "transform", [transforms.RandomFlip, [transforms.RandomFlip()], "flip"]
)
def test_transform_is_one_function(transform):
    with pytest.raises(ValueError, match="`transform` must be a function"):
        Batches((np.zeros((4, 3)), np.arange(4)), transform=transform)


def test_batches_are_equal_in_every_process_and_on_every_backend():
    crop_and_flip = transforms.Compose(
        [transforms.RandomCrop(), transforms.RandomFlip()]
    )
    batches = make(transform=crop_and_flip, sampler=samplers.ClassBalanced())
    batches.set_epoch(2)
    x, y = batches[3]
    assert batches.rows()[:6].tolist() == ROWS
    assert (zlib.crc32(x.tobytes()), y.tolist()) == GOLDEN


# Written down once: they hold for any backend, process and thread.
ROWS = [23, 38, 1, 2, 8, 23]
GOLDEN = (314430916, [1, 2, 2, 3, 1, 3, 2, 1])
