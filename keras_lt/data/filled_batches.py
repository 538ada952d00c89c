"""Predicts batches of one size, so that one shape is compiled."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.devices import laid_out
from keras_lt.devices import num_processes
from keras_lt.devices import own_shares


def predict_filled(model: keras.Model, images: np.ndarray, size: int) -> Any:
    """Returns what a model answers to images, as arrays.

    A batch that is not full is filled up with its last image, and what is
    answered to these is left out. Devices share it.

    Args:
        model: Any model, or what `on_own_devices` makes of it.
        images: `(n, ...)`, 1 or more.
        size: Number of images of a full batch.
    """
    size = max(size, len(images))
    size += -size % own_shares()
    missing = np.repeat(images[-1:], size - len(images), axis=0)
    full = np.concatenate([images, missing]) if len(missing) else images
    return keras.tree.map_structure(
        lambda values: np.asarray(values)[: len(images)],
        # Of several processes, each asks for answers of its own.
        model.predict_on_batch(full if num_processes() > 1 else laid_out(full)),
    )


def predict_batches(
    model: keras.Model, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[Any, np.ndarray]]:
    """Yields what a model answers to each batch, and its class ids.

    Batches are filled up to the largest one so far.

    Args:
        model: As in `predict_filled`.
        batches: Images and class ids, as `EpochData` gives them.
    """
    size = 0
    for images, labels in batches:
        size = max(size, len(images))
        yield predict_filled(model, images, size), labels
