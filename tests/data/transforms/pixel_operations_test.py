"""Operations on batches against those of Pillow on single images."""

import numpy as np
import pytest

from keras_lt.data.transforms import _leveled_operations as leveled
from keras_lt.data.transforms import _pixel_operations as pixels

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")
ImageEnhance = pytest.importorskip("PIL.ImageEnhance")
ImageOps = pytest.importorskip("PIL.ImageOps")

FILL = (125, 123, 114)


def some_images():
    """Noise, smooth images, few values, one value, and one odd pixel."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (6, 32, 32, 3))
    ramp = np.arange(32)[:, None, None] * 4 + generator.integers(
        60, size=(4, 1, 32, 3)
    )
    few = generator.choice([7, 100, 101], (3, 32, 32, 3))
    flat = np.full((1, 32, 32, 3), 90)
    odd = flat.copy()
    odd[0, 3, 4] = (0, 255, 91)
    images = np.concatenate([noise, ramp, few, flat, odd])
    return np.clip(images, 0, 255).astype("uint8")


def by_pillow(images, function, *amounts):
    results = []
    for number, image in enumerate(images):
        own = [amount[number] for amount in amounts]
        results.append(np.asarray(function(Image.fromarray(image), *own)))
    return np.stack(results)


ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "sharpness": ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("name", sorted(ENHANCERS))
@pytest.mark.parametrize("factor", [0.1, 0.46, 1.0, 1.36, 1.9])
def test_enhancers(name, factor):
    images = some_images()
    factors = np.full(len(images), factor)
    expected = by_pillow(
        images, lambda image: ENHANCERS[name](image).enhance(factor)
    )
    np.testing.assert_array_equal(
        getattr(pixels, name)(images, factors), expected
    )


def test_autocontrast_and_equalize():
    images = some_images()
    np.testing.assert_array_equal(
        pixels.autocontrast(images), by_pillow(images, ImageOps.autocontrast)
    )
    np.testing.assert_array_equal(
        pixels.equalize(images), by_pillow(images, ImageOps.equalize)
    )


def test_posterize_and_solarize():
    images = some_images()
    bits = np.arange(len(images)) % 8 + 1
    np.testing.assert_array_equal(
        pixels.posterize(images, bits),
        by_pillow(images, lambda i, b: ImageOps.posterize(i, int(b)), bits),
    )
    thresholds = np.linspace(0, 256, len(images)).astype(int)
    np.testing.assert_array_equal(
        pixels.solarize(images, thresholds),
        by_pillow(
            images, lambda i, t: ImageOps.solarize(i, int(t)), thresholds
        ),
    )


@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_affine(shape):
    images = some_images()[:, : shape[0]]
    images = np.concatenate([images, images[:, :, :8]], 2)[:, :, : shape[1]]
    generator = np.random.default_rng(1)
    matrices = np.tile([1.0, 0, 0, 0, 1, 0], (len(images), 1))
    matrices += generator.uniform(-0.3, 0.3, matrices.shape)
    matrices[:, [2, 5]] = generator.integers(-9, 10, (len(images), 2))
    expected = by_pillow(
        images,
        lambda image, matrix: image.transform(
            image.size, Image.Transform.AFFINE, tuple(matrix), fillcolor=FILL
        ),
        matrices,
    )
    np.testing.assert_array_equal(
        pixels.affine(images, matrices, np.array(FILL)), expected
    )


@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_rotation(shape):
    images = some_images()[:, : shape[0]]
    images = np.concatenate([images, images[:, :, :8]], 2)[:, :, : shape[1]]
    degrees = np.linspace(-30, 30, len(images)).round()
    matrices = pixels.rotation_matrices(degrees, *shape)
    expected = by_pillow(
        images, lambda image, d: image.rotate(d, fillcolor=FILL), degrees
    )
    np.testing.assert_array_equal(
        pixels.affine(images, matrices, np.array(FILL)), expected
    )


def affine_by_pillow(place, amount):
    matrix = [1.0, 0, 0, 0, 1, 0]
    matrix[place] = amount
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, matrix, fillcolor=FILL
    )


# The amounts of the released code of AutoAugment at level 7.
AT_LEVEL_7 = {
    "autocontrast": ImageOps.autocontrast,
    "brightness": lambda i: ImageEnhance.Brightness(i).enhance(1.36),
    "color": lambda i: ImageEnhance.Color(i).enhance(1.36),
    "contrast": lambda i: ImageEnhance.Contrast(i).enhance(1.36),
    "equalize": ImageOps.equalize,
    "identity": lambda i: i,
    "invert": ImageOps.invert,
    "posterize": lambda i: ImageOps.posterize(i, 2),
    "rotate": lambda i: i.rotate(-21, fillcolor=FILL),
    "sharpness": lambda i: ImageEnhance.Sharpness(i).enhance(1.36),
    "shear_x": affine_by_pillow(1, -0.21),
    "shear_y": affine_by_pillow(3, -0.21),
    "solarize": lambda i: ImageOps.solarize(i, 77),
    "translate_x": affine_by_pillow(2, -7),
    "translate_y": affine_by_pillow(5, -7),
}


@pytest.mark.parametrize("name", sorted(leveled.OPERATIONS))
def test_levels_are_those_of_the_released_code(name):
    images = some_images()
    result = leveled.apply(
        images,
        np.full(len(images), name),
        np.full(len(images), 7.0),
        np.full(len(images), -1.0),
        np.array(FILL),
    )
    expected = by_pillow(images, AT_LEVEL_7[name])
    np.testing.assert_array_equal(result, expected)
