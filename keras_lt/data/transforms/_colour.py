"""Checks the colour that a transform fills in."""

from typing import Any

import numpy as np


def as_colour(fill: Any) -> np.ndarray:
    """Returns a finite number, or one per channel, or raises."""
    values = np.asarray(fill)
    fits = values.ndim <= 1 and values.size and values.dtype.kind in "iuf"
    if not fits or not np.isfinite(values).all():
        raise ValueError(
            "`fill` must be a finite number, or one per channel. Received: "
            f"fill={fill!r}. Pass for instance `fill=0`."
        )
    return values


def as_bytes(fill: Any) -> np.ndarray:
    """Returns a colour as bytes, or raises if it is none."""
    values = as_colour(fill)
    whole = values == np.floor(values)
    if not (whole & (values >= 0) & (values <= 255)).all():
        raise ValueError(
            "`fill` must be a whole number from 0 to 255, or one per channel. "
            f"Received: fill={fill!r}. Round it; multiply a colour from 0 to 1 "
            "by 255 before."
        )
    return values.astype("uint8")


def check_channels(name: str, values: np.ndarray, channels: int) -> None:
    """Raises if there are numbers for another number of channels."""
    if values.ndim and values.shape[-1] not in (1, channels):
        raise ValueError(
            f"`{name}` must be one number, or one per channel. Received: "
            f"{values.tolist()} for images of shape (..., {channels}). Pass "
            "one number for grey images."
        )


def colour_for(fill: np.ndarray, dtype: str, channels: int) -> np.ndarray:
    """Returns a colour in the type of images; integers lose the fraction.

    Raises:
        ValueError: If nothing but the fraction would be left, as of a colour
            from 0 to 1, a number is out of the range of the type, or the
            images have another number of channels.
    """
    check_channels("fill", fill, channels)
    if "int" not in dtype:
        return fill
    least, greatest = np.iinfo(dtype).min, np.iinfo(dtype).max
    vanishes = (np.trunc(fill) == 0) & (fill != 0)
    if (vanishes | (fill < least) | (fill > greatest)).any():
        raise ValueError(
            f"`fill` must be from {least} to {greatest} for images in {dtype}, "
            f"and not between 0 and 1. Received: fill={fill.tolist()}. "
            "Multiply a colour from 0 to 1 by 255, or normalise the images "
            "before."
        )
    return fill.astype(dtype)
