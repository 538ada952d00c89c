"""Transforms in two parts give what they give on the host."""

import keras
import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.data.transforms._device_check import check_device_transform
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
        (transforms.AutoAugment(), "AutoAugment"),
        (transforms.RandAugment(), "RandAugment"),
        (transforms.cifar("strong"), "AutoAugment"),
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
