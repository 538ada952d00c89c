"""Any augmentation layer of Keras as a transform."""

import threading
from typing import Any

import keras
import numpy as np

from keras_lt.data.transforms.transform import Transform
from keras_lt.seed_states import is_seed_state


class _LayerTransform(Transform):
    """Calls a layer, seeded by the batch; see `from_layer`."""

    whole_batches = True

    def __init__(self, layer: keras.layers.Layer):
        self.layer = layer
        self._lock = threading.Lock()

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            for state in _seed_states(self.layer):
                seed = int(generator.integers(1 << 31))
                state.assign(np.array([seed, 0], dtype=str(state.dtype)))
            result = self.layer(images.astype("float32"), training=True)
        return np.asarray(keras.ops.convert_to_numpy(result)), labels


def from_layer(layer: keras.layers.Layer) -> Transform:
    """Makes a transform of an augmentation layer of Keras or keras-cv.

    The layer runs with `training=True`, on float32 images of the range that
    comes in, and leaves labels alone. Before each batch, every seed generator
    in the layer is set from the seed, the epoch and the index of the batch, so
    with `keras.random` inside, batches are as reproducible as with the
    transforms of this package, on one backend: another backend draws other
    numbers. The layers of keras-cv draw from elsewhere: they work, and are
    random anew in each run.

    One thread at a time calls the layer. It runs on the device of the
    backend, operation by operation: a layer that is part of the model is
    faster where that device is a GPU.

    Args:
        layer: A layer that takes a batch of images and gives another one.

    Raises:
        ValueError: If `layer` is not a Keras layer.

    Example:

    >>> layer = keras.layers.RandomContrast(0.5, value_range=(0, 255))
    >>> transform = keras_lt.data.transforms.from_layer(layer)
    >>> images, labels = np.ones((2, 4, 4, 3), "uint8"), np.zeros(2, int)
    >>> transform(images, labels, np.random.default_rng(0))[0].shape
    (2, 4, 4, 3)
    """
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(
            "`layer` must be a Keras layer. Received: an object of type "
            f"{type(layer).__name__}. A function of images, labels and a "
            "generator is a transform already."
        )
    return _LayerTransform(layer)


def _seed_states(layer: keras.layers.Layer) -> list[Any]:
    """Returns the states of all seed generators, in a fixed order."""
    return [v for v in layer.variables if is_seed_state(v)]
