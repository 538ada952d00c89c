"""What each transform does to a batch."""

import tracemalloc

import keras
import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.data.transforms import auto_augment


def rng(seed=0):
    return np.random.default_rng(seed)


def batch(count=64, size=32, channels=3, seed=0):
    images = rng(seed).integers(1, 256, (count, size, size, channels))
    return images.astype("uint8"), rng(seed + 1).integers(5, size=count)


ALL = {
    "auto_augment": transforms.AutoAugment(),
    "cifar": transforms.cifar("strong"),
    "crop": transforms.RandomCrop(3),
    "cut_mix": transforms.CutMix(5),
    "cutout": transforms.Cutout(8),
    "flip": transforms.RandomFlip(),
    "mixup": transforms.Mixup(5),
    "normalize": transforms.Normalize(0.5, 0.5),
    "rand_augment": transforms.RandAugment(),
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_input_is_kept_and_the_generator_decides(name):
    images, labels = batch()
    images.setflags(write=False)
    labels.setflags(write=False)
    first, second, other = (
        ALL[name](images, labels, rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert first[0].shape == images.shape
    assert name == "normalize" or not np.array_equal(first[0], other[0])


def test_crop_cuts_every_place_equally_often():
    images, labels = batch(4050, size=8)
    cropped, _ = transforms.RandomCrop(2)(images, labels, rng())
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    places = np.zeros((5, 5), int)
    for image, result in zip(padded, cropped, strict=True):
        matches = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.array_equal(image[top : top + 8, left : left + 8], result)
        ]
        assert len(matches) == 1
        places[matches[0]] += 1
    # Binomial(4050, 1/25): mean 162, standard deviation 12.5.
    assert abs(places - 162).max() < 4 * 12.5


def test_flip_mirrors_half_of_the_images():
    images, labels = batch(1000, size=4)
    flipped, _ = transforms.RandomFlip()(images, labels, rng())
    mirrored = np.array(
        [
            np.array_equal(f, i[:, ::-1])
            for f, i in zip(flipped, images, strict=True)
        ]
    )
    same = np.array(
        [np.array_equal(f, i) for f, i in zip(flipped, images, strict=True)]
    )
    assert (mirrored ^ same).all()
    assert 440 < mirrored.sum() < 560


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_normalize_is_the_equation(dtype):
    images, labels = batch(2)
    result, same = transforms.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))(
        images.astype(dtype), labels
    )
    expected = (images / 255.0 - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    assert result.dtype == "float32"
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert same is labels


def test_cutout_covers_a_square_cut_off_at_the_border():
    images, labels = batch(2000, size=12)
    result, _ = transforms.Cutout(4, fill=0)(images, labels, rng())
    holes = (result == 0).all(-1)
    assert (result[~holes] == images[~holes]).all()
    middles = np.zeros((12, 12), int)
    for hole in holes:
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns)  # a full rectangle
        assert 2 <= len(rows) <= 4 and 2 <= len(columns) <= 4
        # From the end that is not cut off to the pixel drawn.
        top = rows[-1] - 1 if rows[-1] < 11 else rows[0] + 2
        left = columns[-1] - 1 if columns[-1] < 11 else columns[0] + 2
        middles[top, left] += 1
    # Poisson with mean 2000 / 144 = 13.9.
    assert middles.min() > 0 and middles.max() < 35


def test_policy_draws_each_sub_policy_and_each_chance():
    draws, _ = transforms.AutoAugment().draw((20000, 2, 2, 3), [], rng())
    table, policies = transforms.AutoAugment().table, auto_augment._CIFAR_POLICY
    assert len(policies) == 25
    seen = np.bincount(draws.ravel(), minlength=table.nothing + 1)
    operations = [one for two in policies for one in two]
    for entry in range(table.nothing):
        name, chance, level = operations[entry // 2]
        assert (table.names[entry], table.levels[entry]) == (name, level)
        assert table.signs[entry] == (-1, 1)[entry % 2]
        mean = chance * 20000 / 25 / 2
        assert abs(seen[entry] - mean) <= 4.5 * np.sqrt(mean), entry
    assert seen[table.nothing] > 0
    first, second = draws.T
    both = (first < table.nothing) & (second < table.nothing)
    np.testing.assert_array_equal(first[both] // 4, second[both] // 4)
    np.testing.assert_array_equal(second[both] // 2 - first[both] // 2, 1)


def test_augmentation_takes_grey_images():
    images, labels = batch(channels=1)
    for transform in (transforms.AutoAugment(), transforms.RandAugment(3, 10)):
        result, _ = transform(images, labels, rng())
        assert result.shape == images.shape and result.dtype == "uint8"


def test_greatest_level_leaves_something_of_every_image():
    images = np.full((400, 2, 2, 3), 200, "uint8")
    images[:, 0] = 10
    labels = np.zeros(400, int)
    result, _ = transforms.RandAugment(1, 10)(images, labels, rng())
    assert result.reshape(400, -1).any(axis=1).all()


def test_mixup_mixes_images_and_labels_by_one_share():
    images, labels = batch(16, size=2)
    mixed, soft = transforms.Mixup(5, alpha=0.7)(images, labels, rng(9))
    generator = rng(9)
    share, partners = generator.beta(0.7, 0.7), generator.permutation(16)
    one_hot = np.eye(5)[labels]
    np.testing.assert_allclose(
        soft, share * one_hot + (1 - share) * one_hot[partners], atol=1e-6
    )
    np.testing.assert_allclose(
        mixed, share * images + (1 - share) * images[partners], rtol=1e-5
    )
    assert soft.dtype == mixed.dtype == "float32"


def test_soft_labels_take_no_more_memory_than_they_have():
    images, labels = batch(4, size=2)
    mixup = transforms.Mixup(8142)
    tracemalloc.start()
    mixup(images, labels, rng())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 4 * 4 * 8142


def test_mixup_twice_mixes_soft_labels():
    images, labels = batch(16, size=2)
    twice = transforms.Compose([transforms.Mixup(5), transforms.CutMix(5)])
    _, soft = twice(images, labels, rng())
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-6)
    assert twice.mixes_examples and not transforms.cifar().mixes_examples


def test_cut_mix_labels_say_how_much_of_each_image_there_is():
    count, shares = 200, []
    for seed in range(count):
        # Each image has one value, its own row, so pixels tell their origin.
        images = np.full((6, 10, 10, 1), 0, "uint8")
        images += np.arange(6, dtype="uint8")[:, None, None, None]
        mixed, soft = transforms.CutMix(6)(images, np.arange(6), rng(seed))
        pixels = mixed.reshape(6, -1)
        seen = np.stack([np.bincount(p, minlength=6) for p in pixels]) / 100
        np.testing.assert_allclose(soft, seen, atol=1e-6)
        shares.append((pixels != np.arange(6)[:, None]).mean())
    assert 0.15 < np.mean(shares) < 0.45


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_cut_mix_pastes_one_less_a_beta_of_the_area(alpha):
    for seed in range(20):
        images = np.arange(6, dtype="uint8").repeat(1600).reshape(6, 40, 40, 1)
        cut = transforms.CutMix(6, alpha)
        mixed, _ = cut(images, np.arange(6), rng(seed))
        generator = rng(seed)
        generator.random()  # Whether there is anything to do.
        size = int(40 * np.sqrt(1 - generator.beta(alpha, alpha)))
        edges = []
        for _ in range(2):
            middle = int(generator.integers(40))
            begin = middle - size // 2
            edges.append(slice(max(begin, 0), max(min(begin + size, 40), 0)))
        expected = images.copy()
        expected[:, *edges] = images[generator.permutation(6)][:, *edges]
        np.testing.assert_array_equal(mixed, expected)


def test_cut_mix_leaves_batches_by_its_probability():
    images, labels = batch(4, size=4)
    mixed, soft = transforms.CutMix(5, probability=0)(images, labels, rng())
    assert mixed is images
    np.testing.assert_array_equal(soft, np.eye(5)[labels])


def test_cifar_recipes():
    images, labels = batch()
    mean, std = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
    plain, _ = transforms.cifar(False)(images, labels, rng())
    np.testing.assert_allclose(plain, (images / 255 - mean) / std, atol=2e-6)
    kinds = [
        [type(t).__name__ for t in transforms.cifar(kind).transforms]
        for kind in (False, True, "plain", "strong")
    ]
    assert kinds[0] == ["Normalize"]
    assert kinds[1] == kinds[2] == ["RandomCrop", "RandomFlip", "Normalize"]
    assert kinds[3][2:] == ["AutoAugment", "Cutout", "Normalize"]


def test_cifar_recipes_have_the_numbers_of_the_papers():
    crop, flip, augment, cutout, _ = transforms.cifar("strong").transforms
    assert (crop.padding, flip.probability, cutout.size) == (4, 0.5, 16)
    mean = [125, 123, 114]
    for colour in (augment.fill, cutout.fill):
        np.testing.assert_array_equal(colour, mean)
    assert transforms.cifar().transforms[0].padding == 4


def test_layers_are_seeded_by_the_batch():
    layer = keras.Sequential(
        [
            keras.layers.RandomFlip(),
            keras.layers.RandomTranslation(0.2, 0.2),
            keras.layers.RandomBrightness(0.3),
        ]
    )
    transform = transforms.from_layer(layer)
    images, labels = batch(8)
    first, same = transform(images, labels, rng(3))
    other, _ = transform(images, labels, rng(4))
    again, _ = transform(images, labels, rng(3))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.dtype == "float32" and same is labels


WRONG = [
    (lambda: transforms.RandomCrop(0), "`padding` must be a whole number"),
    (lambda: transforms.RandomFlip(2), "`probability` must be at least 0"),
    (lambda: transforms.Normalize(0, 0), "`std` greater than 0. Received"),
    (lambda: transforms.Normalize(np.nan, 1), "must be finite"),
    (lambda: transforms.Cutout(0), "`size` must be a whole number"),
    (lambda: transforms.AutoAugment(300), "`fill` must be a whole number"),
    (lambda: transforms.AutoAugment((0.49, 0.48, 0.44)), "multiply a colour"),
    (lambda: transforms.RandAugment(fill=np.nan), "`fill` must be a finite"),
    (lambda: transforms.AutoAugment(-1), "from 0 to 255.*fill=-1"),
    (lambda: transforms.Cutout(4, fill=np.inf), "`fill` must be a finite"),
    (lambda: transforms.Cutout(4, fill="red"), "`fill` must be a finite"),
    (lambda: transforms.RandAugment(0), "`num_operations` must be a whole"),
    (lambda: transforms.RandAugment(level=11), "`level` must be from 0 to 10"),
    (lambda: transforms.Mixup(5, alpha=0), "`alpha` must be a finite number"),
    (lambda: transforms.CutMix(0), "`num_classes` must be a whole number"),
    (lambda: transforms.Compose([3]), "Received: one of type int"),
    (lambda: transforms.cifar("weak"), "`training` must be one of"),
    (lambda: transforms.from_layer(len), "`layer` must be a Keras layer"),
]


@pytest.mark.parametrize("make, message", WRONG)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_images():
    images, labels = batch(2)
    augment = transforms.AutoAugment()
    with pytest.raises(ValueError, match="Received: float32 of shape"):
        augment(images.astype("float32"), labels, rng())
    with pytest.raises(ValueError, match="Received: 2 channels"):
        augment(images[..., :2], labels, rng())


def test_transforms_say_whether_they_are_random():
    assert [name for name in sorted(ALL) if not ALL[name].random] == [
        "normalize"
    ]
    assert not transforms.cifar(training=False).random
    assert not transforms.Compose([]).random
    assert transforms.from_layer(keras.layers.RandomContrast(0.5)).random

    def function(images, labels, generator):
        return images, labels

    unknown = [transforms.Normalize(0.5, 0.5), function]
    assert transforms.Compose(unknown).random
    function.random = False
    assert not transforms.Compose(unknown).random


@pytest.mark.parametrize("fill", [-1, 256, (0.49, 0.48, 0.44), (0, 3, 1e9)])
def test_cutout_refuses_what_bytes_cannot_hold(fill):
    images, labels = batch(2)
    cutout = transforms.Cutout(4, fill=fill)
    with pytest.raises(ValueError, match="`fill` must be from 0 to 255 for"):
        cutout(images, labels, rng())
    draws, _ = cutout.draw(images.shape, labels, rng())
    with pytest.raises(ValueError, match="`fill` must be from 0 to 255 for"):
        cutout.apply(keras.ops.convert_to_tensor(images), draws)
    filled, _ = transforms.Cutout(99, fill=fill)(
        images.astype("float32"), labels, rng()
    )
    np.testing.assert_allclose(filled[0, 0, 0], np.broadcast_to(fill, 3), 1e-6)


@pytest.mark.parametrize(
    "transform, name",
    [
        (transforms.Normalize((0.4, 0.5, 0.6), 1), "mean"),
        (transforms.Normalize(0, (0.2, 0.3, 0.4)), "std"),
        (transforms.Cutout(4, fill=(125, 123, 114)), "fill"),
    ],
)
def test_numbers_of_three_channels_for_grey_images(transform, name):
    images, labels = batch(2, channels=1)
    message = f"`{name}` must be one .*shape .*, 1.. Pass one number for grey"
    with pytest.raises(ValueError, match=message):
        transform(images, labels, rng())
    draws, _ = transform.draw(images.shape, labels, rng())
    with pytest.raises(ValueError, match=message):
        transform.apply(keras.ops.convert_to_tensor(images), draws)


def test_mixing_refuses_soft_labels_that_are_no_shares():
    images, _ = batch(2)
    for mix in (transforms.Mixup(3), transforms.CutMix(3)):
        with pytest.raises(ValueError, match="in `labels` must.*row 1 with"):
            mix(images, np.array([[0, 1, 0], [0, 7, 0]]), rng())
