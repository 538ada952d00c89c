"""Reads the images of a batch, and cuts them on the way where it can."""

from typing import Any

import numpy as np

from keras_lt.data.encoded_images import EncodedImages
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.crop import Crop
from keras_lt.data.transforms.transform import TransformFunction


def read_images(
    images: Any,
    rows: np.ndarray,
    transform: TransformFunction | None,
    generator: np.random.Generator,
) -> tuple[np.ndarray, TransformFunction | None]:
    """Returns images of a batch, and what of the transform is still to do."""
    if isinstance(images, np.ndarray):
        # The same as images[rows], in a third of the time.
        return np.take(images, rows, axis=0), transform
    if isinstance(images, EncodedImages):
        crop, rest = _leading_crop(transform)
        return images.read(rows, crop, generator), rest
    return np.asarray(images[rows]), transform


def _leading_crop(
    transform: TransformFunction | None,
) -> tuple[Crop | None, TransformFunction | None]:
    """Divides a transform into the crop that it begins with and the rest."""
    if isinstance(transform, Crop):
        return transform, None
    if isinstance(transform, Compose) and transform.transforms:
        first, *others = transform.transforms
        crop, rest = _leading_crop(first)
        if crop is not None:
            return crop, Compose(([] if rest is None else [rest]) + others)
    return None, transform
