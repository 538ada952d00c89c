"""Augmentation of a batch of images, by numbers that were drawn before.

Images are `(batch, height, width, channels)`, of known height and width. What
was drawn has one entry per image.
"""

from typing import Any

from keras import ops

from keras_lt.types import Tensor


def shifted(
    images: Tensor, tops: Tensor, lefts: Tensor, padding: int
) -> Tensor:
    """Cuts each image out of itself with a border of zeros.

    Args:
        images: Of any type, which stays.
        tops: `(batch,)`, the first row that is kept of the padded image.
        lefts: `(batch,)`, the first column.
        padding: Width of the border.
    """
    height, width, channels = images.shape[1:]
    rows = (ops.arange(height) - padding)[None, :] + tops[:, None]
    columns = (ops.arange(width) - padding)[None, :] + lefts[:, None]
    rows_inside = (rows >= 0) & (rows < height)
    columns_inside = (columns >= 0) & (columns < width)
    first = ops.arange(ops.shape(images)[0])[:, None] * height
    lines = (first + ops.clip(rows, 0, height - 1)) * width
    places = lines[:, :, None] + ops.clip(columns, 0, width - 1)[:, None, :]
    pixels = ops.reshape(images, (-1, channels))
    moved = ops.take(pixels, places, axis=0)
    inside = rows_inside[:, :, None] & columns_inside[:, None, :]
    return ops.where(inside[..., None], moved, ops.zeros_like(moved))


def mirrored(images: Tensor, flags: Tensor) -> Tensor:
    """Mirrors the images left to right whose flag is not 0."""
    chosen = ops.cast(flags, "bool")[:, None, None, None]
    return ops.where(chosen, ops.flip(images, axis=2), images)


def blanked(
    images: Tensor, tops: Tensor, lefts: Tensor, size: int, fill: Any
) -> Tensor:
    """Fills a square of each image, as far as it lies inside.

    Args:
        images: Of any type, which stays.
        tops: `(batch,)`, the first row of the square, which may be negative.
        lefts: `(batch,)`, the first column.
        size: Side of the square.
        fill: A value, or one per channel, which loses what the type of the
            images cannot hold.
    """
    height, width = images.shape[1:3]
    covered = _between(tops, tops + size, height)[:, :, None]
    covered = covered & _between(lefts, lefts + size, width)[:, None, :]
    fill = ops.cast(ops.convert_to_tensor(fill, "float32"), images.dtype)
    return ops.where(covered[..., None], fill, images)


def mixed(images: Tensor, partners: Tensor, share: Tensor) -> Tensor:
    """Returns `share` of each image plus the rest of its partner, float32.

    Args:
        images: Of any type.
        partners: `(batch,)`, where in the batch the partner is.
        share: `(batch,)`, from 0 to 1, float32.
    """
    images = ops.cast(images, "float32")
    share = share[:, None, None, None]
    return share * images + (1.0 - share) * ops.take(images, partners, axis=0)


def pasted(
    images: Tensor,
    partners: Tensor,
    rows: tuple[Tensor, Tensor],
    columns: tuple[Tensor, Tensor],
) -> Tensor:
    """Pastes a rectangle of its partner into each image.

    Args:
        images: Of any type, which stays.
        partners: `(batch,)`, where in the batch the partner is.
        rows: First row, and the one behind the last, `(batch,)` each.
        columns: The same for columns.
    """
    height, width = images.shape[1:3]
    covered = _between(*rows, height)[:, :, None]
    covered = covered & _between(*columns, width)[:, None, :]
    others = ops.take(images, partners, axis=0)
    return ops.where(covered[..., None], others, images)


def _between(begins: Tensor, ends: Tensor, length: int) -> Tensor:
    """Tells which of `length` places lie in a span, `(batch, length)`."""
    places = ops.arange(length)[None, :]
    return (places >= begins[:, None]) & (places < ends[:, None])
