"""What is drawn for the device makes the images of `Batches`."""

import keras
import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import BatchExtra
from keras_lt.data import DeviceBatches
from keras_lt.data import transforms
from tests.checks import to_numpy

N, CLASSES = 22, 3
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, 8, 8, 3), dtype="uint8")
LABELS = np.arange(N) % CLASSES
MIXED = transforms.Compose(
    [transforms.cifar(), transforms.Cutout(3), transforms.Mixup(CLASSES)]
)


def both(images=IMAGES, **options):
    options = {"batch_size": 4, "seed": 5, **options}
    return [
        kind((images, LABELS), **options) for kind in (Batches, DeviceBatches)
    ]


def on_device(batches, x):
    tensor = keras.ops.convert_to_tensor
    found = batches.images_of(tensor(batches.images), tensor(x["draws"]))
    return to_numpy(found)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"transform": transforms.cifar()},
        {"transform": MIXED},
        {"transform": None},
        {"transform": transforms.CutMix(CLASSES), "last_batch": "drop"},
        {
            "transform": transforms.cifar(),
            "sampler": samplers.ClassBalanced(),
            "shard": (1, 2),
            "num_classes": CLASSES,
            "one_hot": True,
        },
    ],
    ids=["cifar", "mixed", "none", "cut_mix", "balanced_shard"],
)
def test_images_and_labels_of_each_epoch(options, threads):
    batches, other = both(**options, num_threads=threads)
    drawn = other.drawn()
    assert len(drawn) == len(batches)
    for epoch in (3, 0):
        batches.set_epoch(epoch)
        other.set_epoch(epoch)
        for index in (1, 0, len(batches) - 1):
            images, labels = batches[index]
            x, y = drawn[index]
            assert x["draws"].dtype == "int32"
            np.testing.assert_array_equal(y, labels)
            assert y.dtype == labels.dtype
            found = on_device(other, x)
            assert found.dtype == images.dtype
            np.testing.assert_allclose(found, images, rtol=1e-5, atol=2e-5)


def test_images_of_float32():
    images = (IMAGES / np.float32(255)).astype("float32")
    normalize = transforms.Normalize(0.5, 0.25, scale=1.0)
    crop = transforms.Compose([transforms.RandomCrop(2), normalize])
    batches, other = both(images, transform=crop)
    for (expected, _), (x, _) in zip(batches, other.drawn(), strict=True):
        np.testing.assert_allclose(on_device(other, x), expected, atol=1e-6)


def test_they_are_batches_to_everyone_else():
    batches, other = both(transform=MIXED)
    assert isinstance(other, Batches)
    for one, two in zip(batches, other, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_little_is_sent():
    batches = both(transform=transforms.cifar())[1]
    x, _ = batches.drawn()[0]
    assert x["draws"].nbytes == 4 * 4 * 4  # Row, top, left and flag of four.


class Sum(BatchExtra):
    """The sum of each image, and where the batch stands."""

    def for_batch(self, epoch, positions, rows, images):
        sums = images.sum(axis=(1, 2, 3), dtype="float64")
        return np.stack([sums, rows, np.full(len(rows), epoch)], axis=1)


def test_extras_go_along():
    extras = {"row": np.arange(N), "sum": Sum()}
    batches, other = both(transform=transforms.cifar(), extras=extras)
    for kind in (batches, other):
        kind.set_epoch(2)
    for (_, expected), (x, y) in zip(batches, other.drawn(), strict=True):
        assert sorted(y) == ["label", "row", "sum"]
        for name, values in expected.items():
            np.testing.assert_array_equal(y[name], values)
        np.testing.assert_array_equal(x["draws"][:, 0], y["row"])


def test_other_extras_are_of_the_same_kind():
    batches = both(transform=transforms.cifar())[1]
    other = batches.with_extras({"row": np.arange(N)})
    assert isinstance(other, DeviceBatches)
    x, y = other.drawn()[1]
    np.testing.assert_array_equal(x["draws"][:, 0], y["row"])
    assert not isinstance(batches.drawn()[1][1], dict)


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (IMAGES.astype("float64"), "an array of float64 of shape"),
        (IMAGES[..., 0], r"an array of uint8 of shape \(22, 8, 8\)"),
        (IMAGES.astype("int64"), "an array of int64"),
    ],
)
def test_arrays_of_other_kinds_raise(images, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        DeviceBatches((images, LABELS))


def test_lazy_images_raise():
    class Lazy:
        def __len__(self):
            return N

        def __getitem__(self, rows):
            return IMAGES[rows]

    with pytest.raises(ValueError, match="Received: Lazy.* or use `Batches`"):
        DeviceBatches((Lazy(), LABELS))


def test_images_that_are_not_finite_raise():
    images = IMAGES.astype("float32")
    images[7, 2, 2, 1] = np.nan
    with pytest.raises(ValueError, match="at row 7"):
        DeviceBatches((images, LABELS))
    DeviceBatches((images, LABELS), check_finite=False)


def test_transforms_of_the_host_raise():
    layer = transforms.from_layer(keras.layers.RandomFlip())
    with pytest.raises(ValueError, match="Layer.*, which runs on the host"):
        DeviceBatches((IMAGES, LABELS), transform=layer)
