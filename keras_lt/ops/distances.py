"""Distances between two sets of vectors, with gradients that stay finite."""

from keras import ops

from keras_lt.types import Tensor

_SQUARED_FLOOR = 1e-12


def unit(x: Tensor) -> Tensor:
    """Divides vectors by their length along the last axis.

    A vector of zeros stays one, and its gradient stays finite.
    """
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, _SQUARED_FLOOR))


def squared_euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Returns the squared distance of each of `a` to each of `b`.

    Args:
        a: `(n, dim)`.
        b: `(m, dim)`.

    Returns:
        `(n, m)`, 0 or greater.
    """
    # Near the origin, the difference of large squares keeps more digits.
    origin = ops.stop_gradient(ops.mean(b, axis=0, keepdims=True))
    a, b = a - origin, b - origin
    squares_of_a = ops.sum(ops.square(a), axis=-1, keepdims=True)
    squares_of_b = ops.sum(ops.square(b), axis=-1)
    products = ops.matmul(a, ops.transpose(b))
    return ops.maximum(squares_of_a + squares_of_b - 2.0 * products, 0.0)


def euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Returns the distance of each of `a` to each of `b`.

    The gradient at distance 0, where there is none, is 0.

    Args:
        a: `(n, dim)`.
        b: `(m, dim)`.

    Returns:
        `(n, m)`; what is closer than 1e-6 counts as 1e-6.
    """
    return ops.sqrt(ops.maximum(squared_euclidean(a, b), _SQUARED_FLOOR))
