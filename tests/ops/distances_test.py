import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.ops import distances as module
from tests import robustness_reference as reference
from tests.checks import to_numpy
from tests.gradients import gradient

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 3)).astype("float32")
B = RNG.normal(size=(6, 3)).astype("float32")
POINTS = np.array([[3.0, 4.0], [0.0, -2.0], [5.0, 1.0]], "float32")


def expected(a, b, kind):
    a, b = a.astype("float64"), b.astype("float64")
    return np.array([[reference.distance(x, y, kind) for y in b] for x in a])


@pytest.mark.parametrize("kind", ["euclidean", "squared_euclidean"])
def test_distances_match_their_equation(kind):
    found = to_numpy(getattr(module, kind)(A, B))
    assert found.shape == (4, 6) and found.dtype == "float32"
    np.testing.assert_allclose(found, expected(A, B, kind), 1e-5, 1e-5)


@pytest.mark.parametrize("kind", ["euclidean", "squared_euclidean"])
def test_golden_distances(kind):
    found = to_numpy(
        getattr(module, kind)(
            np.array([[3.0, 4.0], [0.0, -2.0]], "float32"),
            np.array([[0.0, 0.0], [-3.0, 1.0]], "float32"),
        )
    )
    squared = np.array([[25.0, 45.0], [4.0, 18.0]])
    golden = squared if kind == "squared_euclidean" else squared**0.5
    np.testing.assert_allclose(found, golden, 1e-6)


def test_squared_distance_is_never_negative():
    rng = np.random.default_rng(1)
    points = 30 * rng.normal(size=(200, 16)).astype("float32")
    found = to_numpy(module.squared_euclidean(points, points))
    assert found.min() >= 0
    assert to_numpy(module.euclidean(points, points)).min() >= 0


def test_distances_of_features_that_share_an_offset():
    """Small beside the norm: where a product of matrices loses digits."""
    rng = np.random.default_rng(2)
    a = (20 + 0.2 * rng.normal(size=(8, 64))).astype("float32")
    b = (20 + 0.2 * rng.normal(size=(9, 64))).astype("float32")
    found = to_numpy(module.euclidean(a, b))
    np.testing.assert_allclose(found, expected(a, b, "euclidean"), 2e-4)


def test_gradient_of_the_distance_is_its_direction():
    found = gradient(lambda a: module.euclidean(a, ops.array(B)), A)
    away = A[:, None, :] - B[None, :, :]
    directions = away / np.linalg.norm(away, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, directions.sum(axis=1), 1e-4, 1e-5)


def test_gradient_of_the_squared_distance():
    found = gradient(lambda b: module.squared_euclidean(ops.array(A), b), B)
    away = B[:, None, :] - A[None, :, :]
    np.testing.assert_allclose(found, 2 * away.sum(axis=1), 1e-4, 1e-5)


@pytest.mark.parametrize("kind", ["euclidean", "squared_euclidean"])
def test_gradient_at_distance_zero_is_zero(kind):
    function = getattr(module, kind)
    point = POINTS[:1]
    assert to_numpy(function(point, point)) == pytest.approx(0.0, abs=1e-5)
    for found in (
        gradient(lambda a: function(a, ops.array(point)), point),
        gradient(lambda b: function(ops.array(point), b), point),
        gradient(lambda both: function(both, both), point),
    ):
        np.testing.assert_array_equal(found, np.zeros((1, 2)))


def test_gradient_beside_a_distance_of_zero_is_that_of_the_others():
    """A distance of 0 in a row must not spoil the rest of the row."""
    found = gradient(
        lambda a: module.euclidean(a, ops.array(POINTS)), POINTS[:1]
    )
    away = POINTS[:1] - POINTS[1:]
    directions = away / np.linalg.norm(away, axis=-1, keepdims=True)
    np.testing.assert_allclose(found[0], directions.sum(axis=0), 1e-5)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_unit_vectors(scale):
    found = to_numpy(module.unit(scale * A))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, reference.unit(A), 1e-5, 1e-6)


def test_unit_of_zero_is_zero_without_a_gradient():
    zero = np.zeros((2, 3), "float32")
    np.testing.assert_array_equal(to_numpy(module.unit(zero)), zero)
    np.testing.assert_array_equal(gradient(module.unit, zero), zero)
    beside = np.concatenate([zero[:1], A[:1]])
    weights = ops.array(np.array([1.0, 2.0, 3.0], "float32"))
    found = gradient(lambda x: module.unit(x) * weights, beside)
    assert np.all(np.isfinite(found))
    norm = np.linalg.norm(A[0])
    along = A[0] / norm
    away = (np.array([1, 2, 3]) - along * (along @ [1, 2, 3])) / norm
    np.testing.assert_allclose(found[1], away, 1e-4, 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["euclidean", "squared_euclidean"])
def test_distances_of_half_precision_are_float32(dtype, kind):
    low = ops.cast(A, dtype), ops.cast(B, dtype)
    found = getattr(module, kind)(*low)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = [to_numpy(ops.cast(x, "float32")) for x in low]
    np.testing.assert_allclose(
        to_numpy(found), expected(*rounded, kind), 1e-4, 1e-5
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_unit_vectors_of_half_precision_are_float32(dtype):
    low = ops.cast(np.concatenate([A, np.zeros((1, 3), "float32")]), dtype)
    found = module.unit(300 * low)  # Its square is above what float16 holds.
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = to_numpy(ops.cast(300 * low, "float32"))
    np.testing.assert_allclose(
        to_numpy(found), reference.unit(rounded), 1e-4, 1e-5
    )


@pytest.mark.parametrize("axis", [0, 1])
def test_vectors_divided_by_their_length(axis):
    wanted = A / np.linalg.norm(A.astype("float64"), axis=axis, keepdims=True)
    found = to_numpy(module.divided_by_length(ops.convert_to_tensor(A), axis))
    np.testing.assert_allclose(found, wanted, 1e-5)


def test_short_vectors_keep_a_gradient_that_is_finite():
    """Below a length of 1e-6, as if it were 1e-6; `unit` gives none there."""

    def total(x):
        return ops.sum(module.divided_by_length(x, axis=-1))

    for length in (0.0, 1e-7):
        x = np.array([[length, 0.0]], "float32")
        np.testing.assert_allclose(gradient(total, x), [[1e6, 1e6]], 1e-4)
