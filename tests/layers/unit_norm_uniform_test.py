import numpy as np

from keras_lt.layers import UnitNormUniform
from tests.checks import check_serialization
from tests.checks import to_numpy


def test_vectors_have_length_one():
    kernel = to_numpy(UnitNormUniform(seed=1)((16, 50)))
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1.0, rtol=1e-5)


def test_directions_come_from_a_cube():
    kernel = to_numpy(UnitNormUniform(seed=1)((3, 4000)))
    np.testing.assert_allclose(kernel.mean(axis=1), 0.0, atol=0.05)
    # In a cube corners are likelier than on a sphere, where this is 0.6.
    assert 0.53 < np.mean(kernel**4) * 3 < 0.58


def test_the_seed_decides():
    same = [to_numpy(UnitNormUniform(seed=4)((5, 3))) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    other = to_numpy(UnitNormUniform(seed=5)((5, 3)))
    assert not np.allclose(same[0], other)


def test_serialization():
    initializer = UnitNormUniform(seed=4)
    copy = check_serialization(initializer)
    np.testing.assert_array_equal(
        to_numpy(copy((5, 3))), to_numpy(initializer((5, 3)))
    )
