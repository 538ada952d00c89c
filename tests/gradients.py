"""Gradients on whichever backend is running."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def gradient(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    """Returns the gradient of `sum(function(values))` as a NumPy array."""
    return _GRADIENTS[keras.backend.backend()](function, np.asarray(values))


def _tensorflow(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import tensorflow as tf

    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    return tape.gradient(total, x).numpy()


def _jax(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import jax

    def total(x: Any) -> Any:
        return function(x).sum()

    return np.asarray(jax.grad(total)(jax.numpy.asarray(values)))


def _torch(function: Callable[[Any], Any], values: Any) -> np.ndarray:
    import torch

    x = torch.tensor(values, requires_grad=True)
    function(x).sum().backward()
    return x.grad.numpy()


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
