"""Crops: which part they take, and what becomes of it."""

import sys

import cv2
import numpy as np
import pytest

from keras_lt.data import transforms


def ramp(height, width):
    """An image whose red says the row, and whose green the column."""
    image = np.zeros((height, width, 3), "uint8")
    image[..., 0] = np.arange(height)[:, None]
    image[..., 1] = np.arange(width)
    return image


@pytest.mark.parametrize("height, width", [(375, 500), (500, 375), (64, 64)])
def test_random_parts_are_as_asked(height, width):
    crop = transforms.RandomResizedCrop(area=(0.2, 0.5))
    numbers = crop.draw(4000, np.random.default_rng(0))
    boxes = np.array([crop.box(height, width, 1.0, own) for own in numbers])
    tops, lefts, heights, widths = boxes.T
    assert tops.min() >= 0 and lefts.min() >= 0
    assert (tops + heights).max() <= height
    assert (lefts + widths).max() <= width
    shares = heights * widths / (height * width)
    assert 0.18 < shares.min() < 0.22 and 0.48 < shares.max() < 0.52
    assert shares.mean() == pytest.approx(0.35, abs=0.01)
    ratios = widths / heights
    assert 0.72 < ratios.min() < 0.78 and 1.28 < ratios.max() < 1.38
    # Uniform in its logarithm, so that wide and tall are as frequent.
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.015)
    spare = np.stack([height - heights, width - widths])
    free = (spare > 9).all(axis=0)
    places = np.stack([tops, lefts])[:, free] / spare[:, free]
    np.testing.assert_allclose(places.mean(axis=1), 0.5, atol=0.03)
    # Up and down does not go with left and right.
    assert abs(np.corrcoef(places)[0, 1]) < 0.08


def test_every_place_of_a_part_is_as_likely():
    crop = transforms.RandomResizedCrop((0.5, 0.5), (1.0, 1.0))
    for place, numbers in enumerate([(0.2, 0.1), (0.3, 0.4), (0.7, 0.6)]):
        box = crop.box(9, 9, 1.0, np.tile([0.5, 0.5, *numbers], 10))
        assert box == (place, place, 6, 6)
    box = crop.box(9, 9, 1.0, np.tile([0.5, 0.5, 0.8, 0.9], 10))
    assert box == (3, 3, 6, 6)  # As far down and right as it goes.


def test_part_that_never_fits_is_taken_from_the_middle():
    crop = transforms.RandomResizedCrop(area=(1.0, 1.0))
    numbers = crop.draw(1, np.random.default_rng(0))[0]
    # A third as high as wide: no ratio from 3/4 to 4/3 has all of the area.
    assert crop.box(100, 300, 1.0, numbers) == (0, 83, 100, 133)
    assert crop.box(300, 100, 1.0, numbers) == (83, 0, 133, 100)


def test_center_is_that_of_resizing_to_256():
    crop = transforms.CenterCrop()
    assert crop.box(256, 341, 1.0) == (16, 58, 224, 224)
    assert crop.box(512, 512, 1.0) == (32, 32, 448, 448)
    assert transforms.CenterCrop(1.0).box(100, 300, 2.0) == (0, 50, 100, 200)
    assert transforms.CenterCrop(0.1).box(1, 1, 1.0) == (0, 0, 1, 1)


def test_batch_in_memory_is_cut_and_keeps_its_size():
    images = np.stack([ramp(32, 40)] * 5)
    crop = transforms.CenterCrop(0.5)
    found, labels = crop(images, np.arange(5), None)
    assert found.shape == images.shape and found.dtype == np.uint8
    assert labels.tolist() == [0, 1, 2, 3, 4]
    expected = cv2.resize(images[0, 8:24, 10:30], (40, 32))
    np.testing.assert_array_equal(found[3], expected)
    assert found[0, ..., 0].min() >= 8 and found[0, ..., 0].max() <= 23


def test_same_generator_same_parts():
    images = np.stack([ramp(32, 40)] * 5)
    crop = transforms.RandomResizedCrop()
    first, again, other = (
        crop(images, np.zeros(5), np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len({image.tobytes() for image in first}) == 5


def test_grey_images_keep_their_axis():
    images = np.zeros((2, 8, 8, 1), "float32")
    found, _ = transforms.CenterCrop(0.5)(images, np.zeros(2), None)
    assert found.shape == images.shape


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"area": (0.0, 1.0)}, "`area` must be .* at most 1. Received"),
        ({"area": (0.5, 1.1)}, "`area` must be"),
        ({"area": (0.9, 0.5)}, "`area` must be"),
        ({"aspect_ratio": 1.0}, "`aspect_ratio` must be a smallest and"),
    ],
)
def test_wrong_ranges(arguments, message):
    with pytest.raises(ValueError, match=message):
        transforms.RandomResizedCrop(**arguments)


def test_wrong_fraction():
    with pytest.raises(ValueError, match="`fraction` must be greater than 0"):
        transforms.CenterCrop(0)


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    images = np.zeros((2, 8, 8, 3), "uint8")
    with pytest.raises(ImportError, match=r"OpenCV.*keras-lt\[datasets"):
        transforms.CenterCrop(0.5)(images, np.zeros(2), None)


def test_imagenet_recipes():
    def kinds(training):
        recipe = transforms.imagenet(training)
        return [type(one).__name__ for one in recipe.transforms]

    plain = ["RandomResizedCrop", "RandomFlip", "ColorJitter", "Normalize"]
    assert kinds(True) == kinds("plain") == plain
    assert kinds("crop") == ["RandomResizedCrop", "RandomFlip", "Normalize"]
    assert kinds("strong") == [*plain[:3], "RandomGrayscale", "Normalize"]
    assert kinds(False) == ["CenterCrop", "Normalize"]
    assert not transforms.imagenet(False).random
    own = transforms.imagenet(False, normalize=transforms.RandomFlip())
    assert isinstance(own.transforms[-1], transforms.RandomFlip)
    white = np.full((1, 4, 4, 3), 255, "uint8")
    found, _ = transforms.imagenet(False)(white, np.zeros(1), None)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(found[0, 0, 0], expected, rtol=1e-5)


def test_imagenet_recipes_have_the_numbers_of_the_papers():
    strengths = {
        "plain": (0.4, 0.4, 0.4, 0, 1),
        "strong": (0.8, 0.8, 0.8, 0.2, 0.8),
    }
    names = ("brightness", "contrast", "saturation", "hue", "probability")
    for kind, expected in strengths.items():
        crop, flip, jitter, *others = transforms.imagenet(kind).transforms
        assert tuple(getattr(jitter, name) for name in names) == expected
        assert (crop.area, crop.aspect_ratio) == ((0.08, 1.0), (3 / 4, 4 / 3))
        assert flip.probability == 0.5
    assert others[0].probability == 0.2
    assert transforms.imagenet(False).transforms[0].fraction == 224 / 256


def test_random_crop_needs_a_generator():
    images, labels = np.zeros((2, 8, 8, 3), "uint8"), np.zeros(2)
    with pytest.raises(ValueError, match="`RandomResizedCrop` is random. Rec"):
        transforms.RandomResizedCrop()(images, labels, None)
    assert transforms.CenterCrop(0.5).draw(2, None).shape == (2, 0)
