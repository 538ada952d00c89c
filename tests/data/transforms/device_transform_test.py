"""Transforms in two parts give what they give on the host."""

import keras
import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.data.transforms._device_check import check_device_transform
from keras_lt.data.transforms._leveled_operations import OPERATIONS
from keras_lt.data.transforms._operation_table import OperationTable
from tests.checks import to_numpy

COUNT, CLASSES = 17, 5
SHARED = {
    "cifar": transforms.cifar(),
    "crop": transforms.RandomCrop(3),
    "cut_mix": transforms.CutMix(CLASSES),
    "cut_mix_at_times": transforms.CutMix(CLASSES, probability=0.5),
    "cutout": transforms.Cutout(5, fill=(7.5, 100, 3)),
    "flip": transforms.RandomFlip(0.3),
    "mixup": transforms.Mixup(CLASSES),
    "none": transforms.Compose([]),
    "normalize": transforms.Normalize((0.2, 0.4, 0.6), 0.5),
    "several": transforms.Compose(
        [
            transforms.cifar(),
            transforms.Cutout(6),
            transforms.Mixup(CLASSES, alpha=0.4),
            transforms.Compose([transforms.CutMix(CLASSES)]),
        ]
    ),
}


def batch(dtype):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, 9, 8, 3)).astype(dtype)
    return images, rng.integers(CLASSES, size=COUNT)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("name", sorted(SHARED))
def test_both_parts_are_the_call(name, dtype):
    transform, (images, labels) = SHARED[name], batch(dtype)
    for seed in range(4):
        one, other = (np.random.default_rng(seed) for _ in range(2))
        expected, expected_labels = transform(images, labels, one)
        draws, new_labels = transform.draw(images.shape, labels, other)
        assert draws.shape == (COUNT, transform.num_draws)
        assert draws.dtype == "int32"
        # What comes after in the same batch must not depend on where it runs.
        assert one.bit_generator.state == other.bit_generator.state
        np.testing.assert_array_equal(new_labels, expected_labels)
        tensor = keras.ops.convert_to_tensor
        found = to_numpy(transform.apply(tensor(images), tensor(draws)))
        assert found.dtype == expected.dtype
        if expected.dtype == "uint8":
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


POLICIES = {
    "auto_augment": transforms.AutoAugment(),
    "rand_augment": transforms.RandAugment(3, level=6.5),
    "rand_augment_0": transforms.RandAugment(1, level=0),
}
FILL = np.array([125, 123, 114], "uint8")


def various_images(channels):
    """Noise, smooth images, few values and one value, 650 in all."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (200, 12, 10, channels))
    ramps = noise // 8 + np.arange(12)[:, None, None] * 15
    few = rng.choice([7, 100, 101, 255], (200, 12, 10, channels))
    flat = np.broadcast_to(few[:50, :1, :1], (50, 12, 10, channels))
    return np.concatenate([noise, ramps, few, flat]).astype("uint8")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operations_give_the_bytes_of_the_host(name, channels):
    images = various_images(channels)
    levels = [0, 3, 6.5, 10]
    table = OperationTable([(name, level) for level in levels])
    entries = np.arange(len(images)) % (2 * len(levels) + 1)
    expected = table.on_host(images, entries, FILL[:channels])
    tensor = keras.ops.convert_to_tensor
    found = table.on_device(
        tensor(images.astype("int32")),
        tensor(entries.astype("int32")),
        FILL[:channels],
    )
    gap = np.abs(to_numpy(found) - expected.astype("int32"))
    # On the host in float64, as Pillow has it, here in whole numbers.
    if name == "autocontrast":
        assert gap.max() <= 1 and np.mean(gap > 0) < 4e-3
    else:
        assert gap.max() == 0
    unchanged = entries == table.nothing
    np.testing.assert_array_equal(to_numpy(found)[unchanged], images[unchanged])


@pytest.mark.parametrize("channels", [1, 3])
def test_equalize_gives_the_bytes_of_the_host(channels):
    """Images of 255 pixels or fewer, as those above, stay as they are."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 32, 24, channels))
    kinds = [noise, noise**2 // 255, noise // 8 + 90, noise // 64 * 50]
    images = np.concatenate(kinds).astype("uint8")
    table = OperationTable([("equalize", 5)])
    entries = np.zeros(len(images), "int32")
    expected = table.on_host(images, entries, FILL[:channels])
    assert np.mean(expected != images) > 0.5
    tensor = keras.ops.convert_to_tensor
    found = table.on_device(
        tensor(images.astype("int32")), tensor(entries), FILL[:channels]
    )
    np.testing.assert_array_equal(to_numpy(found), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(POLICIES))
def test_policies_give_the_images_of_the_host(name, channels):
    transform, images = POLICIES[name], various_images(channels)
    labels = np.zeros(len(images), int)
    one, other = (np.random.default_rng(1) for _ in range(2))
    expected, _ = transform(images, labels, one)
    draws, _ = transform.draw(images.shape, labels, other)
    assert draws.shape == (len(images), transform.num_draws)
    assert one.bit_generator.state == other.bit_generator.state
    tensor = keras.ops.convert_to_tensor
    found = to_numpy(transform.apply(tensor(images), tensor(draws)))
    assert found.dtype == expected.dtype == "uint8"
    assert np.mean(found != expected) < 4e-3


def test_strong_augmentation_runs_on_the_device():
    transform = transforms.cifar("strong")
    assert check_device_transform(transform) is transform
    assert transform.num_draws == 7


def test_draws_follow_from_the_generator():
    labels = np.zeros(COUNT, int)
    draws = [
        transforms.cifar().draw((COUNT, 32, 32, 3), labels, generator)[0]
        for generator in map(np.random.default_rng, (1, 1, 2))
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def swap(images, labels, generator):
    return images[..., ::-1], labels


@pytest.mark.parametrize(
    ("transform", "name"),
    [
        (swap, "swap"),
        (transforms.Compose([transforms.Compose([swap])]), "swap"),
        (
            transforms.from_layer(keras.layers.RandomFlip()),
            "LayerTransform",
        ),
    ],
)
def test_what_runs_on_the_host_only_is_named(transform, name):
    with pytest.raises(ValueError, match=f"Received: {name}, .* `Batches`"):
        check_device_transform(transform)
