"""Colours, against the equations in double precision."""

import colorsys

import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.data.transforms import color_jitter
from keras_lt.data.transforms.color_jitter import _jittered

LUMA = np.array([0.299, 0.587, 0.114])


def pictures(count=3):
    generator = np.random.default_rng(0)
    return generator.integers(80, 170, (count, 9, 7, 3), dtype="uint8")


def expected(image, numbers, order):
    """One change after the other, as the equations stand."""
    pixels = image.astype("float64")
    for kind in order:
        factor = 1 + numbers[kind]
        if kind == 0:
            pixels = factor * pixels
        elif kind == 1:
            grey = (pixels @ LUMA).mean()
            pixels = grey + factor * (pixels - grey)
        elif kind == 2:
            grey = (pixels @ LUMA)[..., None]
            pixels = grey + factor * (pixels - grey)
    return pixels


@pytest.mark.parametrize(
    "order", [[0, 1, 2, 3], [2, 1, 0, 3], [1, 0, 3, 2], [3, 2, 0, 1]]
)
def test_linear_changes_in_their_order(order):
    numbers = np.array([0.2, -0.3, 0.4, 0.0])
    image = pictures(1)[0]
    found = _jittered(image, numbers, order)
    np.testing.assert_allclose(found, expected(image, numbers, order), atol=1)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_each_change_by_itself(kind):
    numbers = np.zeros(4)
    numbers[kind] = 0.35
    image = pictures(1)[0]
    found = _jittered(image, numbers, [0, 1, 2, 3])
    want = expected(image, numbers, [kind])
    np.testing.assert_allclose(found, want, atol=1)
    assert np.abs(want - image).max() > 5


def test_hue_is_turned():
    image = pictures(1)[0]
    found = _jittered(image, np.array([0, 0, 0, 0.25]), [3, 0, 1, 2])
    for before, after in zip(
        image.reshape(-1, 3), found.reshape(-1, 3), strict=True
    ):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255))
        want = colorsys.hsv_to_rgb((hue + 0.25) % 1, saturation, value)
        np.testing.assert_allclose(after / 255, want, atol=4 / 255)


@pytest.mark.parametrize("order", [[0, 3, 1, 2], [2, 1, 3, 0], [0, 2, 1, 3]])
def test_hue_is_turned_between_the_others(order):
    numbers = np.array([0.15, -0.2, 0.3, 0.2])
    image = pictures(1)[0]
    turn = order.index(3)
    between = expected(image, numbers, order[:turn]) / 255
    for pixel in between.reshape(-1, 3):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        pixel[:] = colorsys.hsv_to_rgb((hue + 0.2) % 1, saturation, value)
    want = expected(255 * between, numbers, order[turn + 1 :])
    found = _jittered(image, numbers, order)
    np.testing.assert_allclose(found, want, atol=6)


def test_what_leaves_the_range_is_cut_off():
    found = _jittered(pictures(1)[0], np.array([0.9, 0, 0, 0]), [0, 1, 2, 3])
    assert found.dtype == np.uint8
    assert found.max() == 255


def test_each_strength_is_that_of_its_change():
    """Grey images have no saturation and no hue to change."""
    colored = pictures(20)
    grey = np.repeat(colored[..., :1], 3, axis=-1)
    for name, changes_grey in {
        "brightness": True,
        "contrast": True,
        "saturation": False,
        "hue": False,
    }.items():
        jitter = transforms.ColorJitter(**{name: 0.4})
        for images, changed in ((colored, True), (grey, changes_grey)):
            generator = np.random.default_rng(0)
            found, _ = jitter(images, np.zeros(20), generator)
            gap = np.abs(found.astype(int) - images).max(axis=(1, 2, 3))
            assert (np.median(gap) > 3) is np.bool_(changed), name
    # Contrast keeps the mean, which brightness does not.
    jitter = transforms.ColorJitter(contrast=0.4)
    found, _ = jitter(grey, np.zeros(20), np.random.default_rng(0))
    np.testing.assert_allclose(
        found.mean(axis=(1, 2, 3)), grey.mean(axis=(1, 2, 3)), atol=1
    )


def test_changes_come_in_every_order(monkeypatch):
    orders = []
    monkeypatch.setattr(
        color_jitter,
        "_jittered",
        lambda image, numbers, order: orders.append(tuple(order)) or image,
    )
    transforms.ColorJitter(0.4)(
        pictures(400), np.zeros(400), np.random.default_rng(0)
    )
    assert len(set(orders)) == 24


def test_strengths_are_drawn_uniformly():
    grey = np.full((2000, 2, 2, 3), 100, "uint8")
    jitter = transforms.ColorJitter(brightness=0.4)
    found, _ = jitter(grey, np.zeros(2000), np.random.default_rng(0))
    assert grey.max() == 100  # The images of the user stay as they were.
    values = found[:, 0, 0, 0] / 100
    assert 0.59 <= values.min() < 0.63 and 1.37 < values.max() <= 1.41
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    rarely = transforms.ColorJitter(brightness=0.4, probability=0.25)
    found, _ = rarely(grey, np.zeros(2000), np.random.default_rng(0))
    changed = (found[:, 0, 0, 0] != 100).mean()
    assert changed == pytest.approx(0.25, abs=0.04)


def test_grayscale():
    images = pictures(1000)
    grayscale = transforms.RandomGrayscale(0.3)
    found, labels = grayscale(images, np.arange(1000), np.random.default_rng(0))
    grey = (found == found[..., :1]).all(axis=(1, 2, 3))
    assert grey.mean() == pytest.approx(0.3, abs=0.05)
    want = images[grey] @ LUMA
    np.testing.assert_allclose(found[grey][..., 2], want, atol=0.6)
    np.testing.assert_array_equal(found[~grey], images[~grey])
    assert labels.tolist() == list(range(1000))


@pytest.mark.parametrize(
    "transform",
    [transforms.ColorJitter(0.4), transforms.RandomGrayscale()],
    ids=["jitter", "grayscale"],
)
def test_images_that_are_no_bytes_of_colours(transform):
    for images in (
        np.zeros((1, 4, 4, 3), "float32"),
        np.zeros((1, 4, 4, 1), "uint8"),
    ):
        with pytest.raises(ValueError, match="uint8 images of three channels"):
            transform(images, np.zeros(1), np.random.default_rng(0))


def test_wrong_strengths():
    with pytest.raises(ValueError, match="`hue` must be at least 0 and at"):
        transforms.ColorJitter(hue=0.6)
    with pytest.raises(ValueError, match="`contrast` must be a finite number"):
        transforms.ColorJitter(contrast=-0.1)
