"""Gradients on whichever backend is running."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def gradient(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    """Returns the gradient of `sum(function(values))` as a NumPy array.

    It is 0 where nothing flows back, as behind `stop_gradient`.
    """
    return _GRADIENTS[keras.backend.backend()](function, np.asarray(values))


def _tensorflow(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import tensorflow as tf

    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    found = tape.gradient(total, x, unconnected_gradients="zero")
    return tf.convert_to_tensor(found).numpy()


def _jax(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import jax

    def total(x: Any) -> Any:
        return function(x).sum()

    return np.asarray(jax.grad(total)(jax.numpy.asarray(values)))


def _torch(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import torch

    x = torch.tensor(values, requires_grad=True)
    total = function(x).sum()
    if total.requires_grad:
        total.backward()
    return np.zeros_like(values) if x.grad is None else x.grad.numpy()


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
