"""Predicts batches of one size, so that one shape is compiled."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.distribution import laid_out
from keras_lt.distribution import num_local_shards
from keras_lt.distribution import num_processes


def predict_padded(model: keras.Model, images: np.ndarray, size: int) -> Any:
    """Returns what a model answers to images, as arrays.

    A batch that is not full is padded with its last image, and what is
    answered to these is left out. Devices share it.

    Args:
        model: Any model, or what `on_own_devices` makes of it.
        images: `(n, ...)`, 1 or more.
        size: Number of images of a full batch.
    """
    size = max(size, len(images))
    size += -size % num_local_shards()
    padding = np.repeat(images[-1:], size - len(images), axis=0)
    full = np.concatenate([images, padding]) if len(padding) else images
    return keras.tree.map_structure(
        lambda values: np.asarray(values)[: len(images)],
        # Of several processes, each asks for answers of its own.
        model.predict_on_batch(full if num_processes() > 1 else laid_out(full)),
    )


def predict_batches(
    model: keras.Model, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[Any, np.ndarray]]:
    """Yields what a model answers to each batch, and its class ids.

    Batches are padded to the largest one so far.

    Args:
        model: As in `predict_padded`.
        batches: Images and class ids, as `EpochData` gives them.
    """
    size = 0
    for images, labels in batches:
        size = max(size, len(images))
        yield predict_padded(model, images, size), labels
