"""What AutoAugment does to images, with one amount for each of a batch.

Images are `(batch, height, width, channels)` with 1 or 3 channels, whole
numbers from 0 to 255 in int32, and so are the results.
"""

from keras import ops

from keras_lt.types import Tensor

FIXED_POINT = 65536
"""What matrices are multiplied with: coordinates are in 16.16 fixed point."""


def moved(images: Tensor, matrices: Tensor, fill: Tensor) -> Tensor:
    """Takes each pixel from the nearest one at a linear function of its place.

    Args:
        images: The batch.
        matrices: `(batch, 6)`, int32: `FIXED_POINT` times what leads from the
            middle of a pixel `(x, y)` to its source.
        fill: `(channels,)`, int32, for what comes from outside.
    """
    height, width, channels = images.shape[1:]
    x, y = ops.arange(width)[None, :], ops.arange(height)[:, None]
    m = matrices[:, :, None, None]
    from_x = ops.floor_divide(m[:, 0] * x + m[:, 1] * y + m[:, 2], FIXED_POINT)
    from_y = ops.floor_divide(m[:, 3] * x + m[:, 4] * y + m[:, 5], FIXED_POINT)
    inside = (from_x >= 0) & (from_x < width)
    inside = inside & (from_y >= 0) & (from_y < height)
    first = ops.arange(ops.shape(images)[0])[:, None, None] * height
    lines = (first + ops.clip(from_y, 0, height - 1)) * width
    places = lines + ops.clip(from_x, 0, width - 1)
    found = ops.take(ops.reshape(images, (-1, channels)), places, axis=0)
    return ops.where(inside[..., None], found, fill)


def coarse(images: Tensor, steps: Tensor) -> Tensor:
    """Lowers each byte to a multiple of `steps`, `(batch,)`: posterizing."""
    steps = _per_image(steps)
    return ops.floor_divide(images, steps) * steps


def solarized(images: Tensor, thresholds: Tensor) -> Tensor:
    """Inverts what is not below its threshold, `(batch,)`."""
    return ops.where(images < _per_image(thresholds), images, 255 - images)


def blended(start: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    """Returns `start + factor * (images - start)`, cut off to bytes.

    Args:
        start: An image, or what becomes one by broadcasting.
        images: The batch.
        factors: `(batch,)`, float32.
    """
    start = ops.cast(start, "float32")
    change = ops.cast(images, "float32") - start
    mixed = ops.clip(start + _per_image(factors) * change, 0.0, 255.0)
    return ops.cast(mixed, "int32")


def grey(images: Tensor) -> Tensor:
    """Returns the luminance, `(batch, height, width, 1)`."""
    if images.shape[-1] == 1:
        return images
    weights = ops.convert_to_tensor([19595, 38470, 7471], "int32")
    sums = ops.sum(images * weights, axis=-1, keepdims=True)
    return ops.floor_divide(sums + 0x8000, FIXED_POINT)


def mean_grey(images: Tensor) -> Tensor:
    """Returns the rounded mean luminance, `(batch, 1, 1, 1)`."""
    number = images.shape[1] * images.shape[2]
    sums = ops.sum(grey(images), axis=(1, 2, 3), keepdims=True)
    return ops.floor_divide(2 * sums + number, 2 * number)


def smooth(images: Tensor) -> Tensor:
    """Averages each pixel with its neighbours; the outermost stay."""
    height, width = images.shape[1:3]
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    sums = sums + 4 * images[:, 1:-1, 1:-1]
    inner = ops.floor_divide(2 * sums + 13, 26)
    inner = ops.pad(inner, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x, y = ops.arange(width)[None, :], ops.arange(height)[:, None]
    border = (x == 0) | (x == width - 1) | (y == 0) | (y == height - 1)
    return ops.where(border[None, :, :, None], images, inner)


def stretched(images: Tensor) -> Tensor:
    """Spreads each channel linearly over 0 to 255: automatic contrast."""
    low = ops.min(images, axis=(1, 2), keepdims=True)
    span = ops.max(images, axis=(1, 2), keepdims=True) - low
    wide = ops.floor_divide((images - low) * 255, ops.maximum(span, 1))
    return ops.where(span > 0, wide, images)


def equalized(images: Tensor) -> Tensor:
    """Spreads each channel so that its values are about equally frequent."""
    count, channels = ops.shape(images)[0], images.shape[3]
    number = images.shape[1] * images.shape[2]
    tables = count * channels
    offsets = ops.reshape(ops.arange(tables), (-1, 1, 1, channels)) * 256
    places = ops.reshape(images + offsets, (-1,))
    histograms = ops.segment_sum(
        ops.ones_like(places), places, num_segments=tables * 256
    )
    below = ops.cumsum(ops.reshape(histograms, (-1, 256)), axis=1)
    below = ops.reshape(below, (-1,)) - histograms
    below = ops.reshape(ops.take(below, places), ops.shape(images))
    highest = ops.max(images, axis=(1, 2), keepdims=True)
    last = ops.take(histograms, highest + offsets)
    steps = ops.floor_divide(number - last, 255)
    values = ops.floor_divide(steps, 2) + below
    values = ops.floor_divide(values, ops.maximum(steps, 1))
    return ops.where(steps > 0, ops.minimum(values, 255), images)


def _per_image(amounts: Tensor) -> Tensor:
    return amounts[:, None, None, None]
