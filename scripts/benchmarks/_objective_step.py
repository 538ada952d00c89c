"""Compiled forward and backward passes, in each backend's own way."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.objectives import Objective


def objective_step(
    objective: Objective, features: np.ndarray, labels: np.ndarray
) -> Callable[[], np.ndarray]:
    """Returns what computes the term and its gradient in the features.

    Each call goes on from the state that the one before left, waits until all
    is computed, and returns the gradient.
    """
    steps = {
        "jax": _jax_objective,
        "tensorflow": _tensorflow_objective,
        "torch": _torch_objective,
    }
    return steps[keras.config.backend()](objective, features, labels)


def product_step(
    features: np.ndarray, others: np.ndarray, upstream: np.ndarray
) -> Callable[[], np.ndarray]:
    """Returns what multiplies features with others, there and back.

    There: each feature with each of `others`. Back: what `upstream` is in the
    features, which each call returns.
    """
    steps = {
        "jax": _jax_product,
        "tensorflow": _tensorflow_product,
        "torch": _torch_product,
    }
    return steps[keras.config.backend()](features, others, upstream)


def _total(values_and_weights: Any) -> Any:
    values, weights = values_and_weights
    return ops.sum(values * weights) / ops.sum(weights)


def _jax_objective(
    objective: Objective, features: np.ndarray, labels: np.ndarray
) -> Callable[[], np.ndarray]:
    import jax

    def total(features: Any, trained: Any, state: Any, labels: Any) -> Any:
        found, state = objective.stateless_call(
            trained, state, features, labels
        )
        return _total(found), state

    # Donated, as in `fit`: what is updated need not be copied first.
    step = jax.jit(jax.value_and_grad(total, has_aux=True), donate_argnums=(2,))
    features, labels = jax.device_put((features, labels))
    trained = [v.value for v in objective.trainable_variables]
    states = [
        [jax.numpy.array(v.value) for v in objective.non_trainable_variables]
    ]

    def work() -> np.ndarray:
        (_, new), gradient = step(features, trained, states.pop(), labels)
        states.append(jax.block_until_ready(new))
        return np.asarray(gradient)

    return work


def _tensorflow_objective(
    objective: Objective, features: np.ndarray, labels: np.ndarray
) -> Callable[[], np.ndarray]:
    import tensorflow as tf

    @tf.function(jit_compile=True)  # As `fit` does on a GPU.
    def step(features: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(features)
            total = _total(objective(features, labels))
        return total, tape.gradient(total, features)

    constants = tf.constant(features), tf.constant(labels)
    return lambda: step(*constants)[1].numpy()


def _torch_objective(
    objective: Objective, features: np.ndarray, labels: np.ndarray
) -> Callable[[], np.ndarray]:
    import torch

    watched = ops.convert_to_tensor(features).requires_grad_()
    ids = ops.convert_to_tensor(labels)

    def work() -> np.ndarray:
        total = _total(objective(watched, ids))
        (gradient,) = torch.autograd.grad(total, watched)
        return gradient.cpu().numpy()

    return work


def _jax_product(
    features: np.ndarray, others: np.ndarray, upstream: np.ndarray
) -> Callable[[], np.ndarray]:
    import jax

    @jax.jit
    def step(features: Any, others: Any, upstream: Any) -> Any:
        product, back = jax.vjp(lambda x: x @ others.T, features)
        return product, back(upstream)[0]

    arrays = jax.device_put((features, others, upstream))
    return lambda: np.asarray(jax.block_until_ready(step(*arrays))[1])


def _tensorflow_product(
    features: np.ndarray, others: np.ndarray, upstream: np.ndarray
) -> Callable[[], np.ndarray]:
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def step(features: Any, others: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(features)
            product = tf.matmul(features, others, transpose_b=True)
        return product, tape.gradient(product, features, upstream)

    constants = [tf.constant(one) for one in (features, others, upstream)]
    return lambda: step(*constants)[1].numpy()


def _torch_product(
    features: np.ndarray, others: np.ndarray, upstream: np.ndarray
) -> Callable[[], np.ndarray]:
    import torch

    watched = ops.convert_to_tensor(features).requires_grad_()
    others, upstream = map(ops.convert_to_tensor, (others, upstream))

    def work() -> np.ndarray:
        product = watched @ others.T
        (gradient,) = torch.autograd.grad(product, watched, upstream)
        return gradient.cpu().numpy()

    return work
