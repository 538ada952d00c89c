"""The operations of Pillow on whole batches, one amount per image.

Each gives the same bytes as Pillow does for a single image. All take uint8
images of shape `(batch, height, width, channels)` with 1 or 3 channels.
"""

import numpy as np

from keras_lt.ops.pixel_operations import FIXED_POINT


def affine(
    images: np.ndarray, matrices: np.ndarray, fill: np.ndarray
) -> np.ndarray:
    """Moves pixels as `Image.transform(AFFINE)` does, to the nearest.

    Args:
        images: The batch.
        matrices: `(batch, 6)`: from `(x, y)` in the result to the source.
        fill: One byte per channel, for what comes from outside.
    """
    count, height, width, channels = images.shape
    fixed = fixed_point(matrices)[..., None, None]
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    from_x = (fixed[:, 0] * x + fixed[:, 1] * y + fixed[:, 2]) >> 16
    from_y = (fixed[:, 3] * x + fixed[:, 4] * y + fixed[:, 5]) >> 16
    inside = (from_x >= 0) & (from_x < width)
    inside &= (from_y >= 0) & (from_y < height)
    places = from_y * width + from_x
    places += np.arange(count)[:, None, None] * (height * width)
    pixels = images.reshape(-1, channels)
    moved = np.take(pixels, np.where(inside, places, 0), axis=0)
    moved[~inside] = fill
    return moved


def fixed_point(matrices: np.ndarray) -> np.ndarray:
    """Returns matrices for the middles of pixels, as Pillow has them."""
    matrices = matrices.astype("float64").copy()
    matrices[:, 2] += 0.5 * (matrices[:, 0] + matrices[:, 1])
    matrices[:, 5] += 0.5 * (matrices[:, 3] + matrices[:, 4])
    return np.floor(matrices * FIXED_POINT + 0.5).astype("int64")


def rotation_matrices(
    degrees: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Returns the matrices of `Image.rotate`, counter-clockwise."""
    angles = -np.radians(degrees % 360.0)
    cos, sin = np.round(np.cos(angles), 15), np.round(np.sin(angles), 15)
    x, y = width / 2, height / 2
    shift_x = -cos * x - sin * y + x
    shift_y = sin * x - cos * y + y
    return np.stack([cos, sin, shift_x, -sin, cos, shift_y], axis=1)


def posterize(images: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Keeps the highest bits of each byte, as `ImageOps.posterize` does."""
    masks = (256 - 2 ** (8 - bits.astype("int64"))).astype("uint8")
    return images & masks[:, None, None, None]


def solarize(images: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Inverts what is not below a threshold, as `ImageOps.solarize` does."""
    return np.where(
        images < thresholds[:, None, None, None], images, 255 - images
    )


def autocontrast(images: np.ndarray) -> np.ndarray:
    """Stretches each channel to 0 to 255, as `ImageOps.autocontrast` does."""
    low = images.min(axis=(1, 2), keepdims=True).astype("float64")
    high = images.max(axis=(1, 2), keepdims=True)
    flat = high <= low
    scale = 255.0 / np.where(flat, 1.0, high - low)
    stretched = np.clip(images * scale + -low * scale, 0, 255)
    return np.where(flat, images, stretched.astype("uint8"))


def equalize(images: np.ndarray) -> np.ndarray:
    """Spreads the values of each channel, as `ImageOps.equalize` does."""
    count, height, width, channels = images.shape
    num_tables = count * channels
    offsets = np.arange(num_tables).reshape(count, 1, 1, channels) * 256
    places = images + offsets
    histograms = np.bincount(places.ravel(), minlength=num_tables * 256)
    histograms = histograms.reshape(num_tables, 256)
    ends = np.cumsum(histograms, axis=1)
    highest = 255 - np.argmax(histograms[:, ::-1] > 0, axis=1)
    last = histograms[np.arange(num_tables), highest]
    steps = ((height * width - last) // 255)[:, None]
    before = ends - histograms
    tables = (steps // 2 + before) // np.maximum(steps, 1)
    tables = np.where(steps == 0, np.arange(256), np.minimum(tables, 255))
    return np.take(tables.astype("uint8"), places)


def color(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Moves from grey (0) past the image (1), as `ImageEnhance.Color` does."""
    return _blend(_grey(images), images, factors)


def contrast(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Moves from the mean grey to the image, as `ImageEnhance.Contrast`."""
    grey = _grey(images).mean(axis=(1, 2, 3), keepdims=True)
    return _blend(np.floor(grey + 0.5), images, factors)


def brightness(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Moves from black to the image, as `ImageEnhance.Brightness` does."""
    return _blend(np.zeros((1, 1, 1, 1)), images, factors)


def sharpness(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Moves from a smooth copy to the image, as `ImageEnhance.Sharpness`."""
    wide = images.astype("int32")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    sums += 4 * wide[:, 1:-1, 1:-1]
    # The kernel sums to 13. Pillow leaves the outermost pixels as they are.
    wide[:, 1:-1, 1:-1] = (2 * sums + 13) // 26
    return _blend(wide, images, factors)


def _grey(images: np.ndarray) -> np.ndarray:
    if images.shape[-1] == 1:
        return images
    weights = np.array([19595, 38470, 7471], "int32")
    sums = np.sum(images * weights, axis=-1, keepdims=True, dtype="int32")
    return (sums + 0x8000) >> 16


def _blend(
    start: np.ndarray, images: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Returns `start + factor * (images - start)`, cut off to bytes."""
    start = start.astype("float32")
    factors = factors.astype("float32")[:, None, None, None]
    mixed = start + factors * (images - start)
    return np.clip(mixed, 0, 255).astype("uint8")
