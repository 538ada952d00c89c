"""Reads the images of a batch, and transforms them on the way where it can."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lt.data._gathered_parts import Empty
from keras_lt.data._gathered_parts import GatheredParts
from keras_lt.data.encoded_images import EncodedImages
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.compose import steps_of
from keras_lt.data.transforms.crop import Crop
from keras_lt.data.transforms.transform import Transform
from keras_lt.data.transforms.transform import TransformFunction

Generators = Callable[[int], np.random.Generator]
"""Gives the source of random numbers of the images from a place on."""

Check = Callable[[np.ndarray, np.ndarray], None]
"""Raises if images are not as they must be; knows their rows."""


def read_images(
    images: Any,
    labels: np.ndarray,
    rows: np.ndarray,
    transform: TransformFunction | None,
    generators: Generators,
    check: Check,
    empty: Empty,
) -> tuple[np.ndarray, np.ndarray, TransformFunction | None]:
    """Returns images and labels, and what of the transform is still to do.

    Images that are decoded are cut on the way, and go through what does not
    need the whole batch, in the threads that decode them.

    Args:
        images: All images.
        labels: All labels.
        rows: Of the batch.
        transform: What the images go through.
        generators: Gives random numbers for the parts of a batch; place 0 is
            that of the whole batch, and the one behind the last that of the
            crops.
        check: Called with images that are done, and their rows.
        empty: Makes the array of images that are decoded.
    """
    if not isinstance(images, EncodedImages):
        pixels = _taken(images, rows)
        check(pixels, rows)
        return pixels, labels[rows], transform
    crop, each, rest = divided(transform)
    new_labels = GatheredParts(len(rows))

    def then(pixels: np.ndarray, part: slice) -> np.ndarray:
        found, own = each(
            pixels, labels[rows[part]], generators(part.start + 1)
        )
        check(found, rows[part])
        new_labels.put(part, own)
        return found

    # No part has these numbers, nor has what is still to do.
    of_crops = generators(len(rows) + 1)
    pixels = images.read(rows, crop, of_crops, then, empty)
    return pixels, new_labels.whole(), rest


def divided(
    transform: TransformFunction | None,
) -> tuple[Crop | None, Compose, Compose | None]:
    """Divides a transform into the crop that it begins with, and two more.

    Returns:
        The crop; what follows and takes a part of a batch; and what is left,
        which takes the whole. Of the first and the last there may be none.
    """
    steps = steps_of(transform)
    crop = None
    if steps and isinstance(steps[0], Crop):
        crop, *steps = steps
    whole = [
        not isinstance(one, Transform) or one.whole_batches for one in steps
    ]
    first = [*whole, True].index(True)
    rest = Compose(steps[first:]) if steps[first:] else None
    return crop, Compose(steps[:first]), rest


def _taken(images: Any, rows: np.ndarray) -> np.ndarray:
    if isinstance(images, np.ndarray):
        # The same as images[rows], in a third of the time.
        return np.take(images, rows, axis=0)
    return np.asarray(images[rows])
