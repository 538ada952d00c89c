"""Notices augmentation where images are to be looked at as they are."""

import warnings
from typing import Any

from keras_lt.data.batches import Batches
from keras_lt.data.transforms.compose import steps_of
from keras_lt.data.transforms.transform import TransformFunction


def warn_of_random(
    transform: TransformFunction | None,
    name: str = "transform",
    stacklevel: int = 3,
) -> None:
    """Warns if a transform says that it is random.

    Nothing is known about plain functions.

    Args:
        transform: What images go through.
        name: What it is called in the message.
        stacklevel: As in `warnings.warn`.
    """
    random = [
        type(one).__name__
        for one in steps_of(transform)
        if getattr(one, "random", False)
    ]
    if random:
        warnings.warn(
            f"`{name}` must not be random where each image is looked at once, "
            f"as it is. Received: {', '.join(random)}. Leave augmentation out, "
            "and keep what normalises; a `Transform` of your own that is not "
            "random says so by `random = False`.",
            stacklevel=stacklevel,
        )


def warn_of_random_batches(x: Any, stacklevel: int = 3) -> None:
    """Warns if data are `Batches` with a random transform."""
    if isinstance(x, Batches):
        name = "transform of the batches"
        warn_of_random(x.transform, name, stacklevel + 1)
