"""Distances between two sets of vectors, with gradients that stay finite."""

from keras import ops

from keras_lt.types import Tensor

_SQUARED_FLOOR = 1e-12


def unit(x: Tensor) -> Tensor:
    """Divides vectors by their length along the last axis.

    A vector of zeros, and one shorter than 1e-6, gives zeros and gets no
    gradient: that of the direction grows without limit there.

    Args:
        x: Vectors, of any float type.

    Returns:
        Vectors of the shape of `x`, in float32.
    """
    x = ops.cast(x, "float32")
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    inverse = ops.rsqrt(ops.maximum(squares, _SQUARED_FLOOR))
    return x * ops.where(squares > _SQUARED_FLOOR, inverse, 0.0)


def divided_by_length(x: Tensor, axis: int) -> Tensor:
    """Divides vectors by their length, or by 1e-6 where they are shorter.

    As opposed to `unit`, a short vector gets a gradient, which stays finite.

    Args:
        x: Vectors.
        axis: Along which a vector lies.
    """
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, _SQUARED_FLOOR))


def squared_euclidean(a: Tensor, b: Tensor) -> Tensor:
    """Returns the squared distance of each of `a` to each of `b`.

    Args:
        a: `(n, dim)`, of any float type.
        b: `(m, dim)`, likewise.

    Returns:
        `(n, m)`, 0 or greater, in float32.
    """
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
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
        a: `(n, dim)`, of any float type.
        b: `(m, dim)`, likewise.

    Returns:
        `(n, m)`, in float32; what is closer than 1e-6 counts as 1e-6. They
        come from a product of matrices, so that small ones are as exact as
        the backend multiplies: to about 5e-3 between features of length 20,
        and less where a GPU rounds to TF32.
    """
    return ops.sqrt(ops.maximum(squared_euclidean(a, b), _SQUARED_FLOOR))
