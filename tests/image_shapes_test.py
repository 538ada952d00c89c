import pytest

from keras_lt.image_shapes import common_shape
from keras_lt.image_shapes import shapes_agree


@pytest.mark.parametrize(
    "a, b, agree",
    [
        ((4, 4, 3), (4, 4, 3), True),
        ((None, 4, 3), (4, None, 3), True),
        ((None, None, 1), (4, 4, 3), False),
        ((4, 4), (4, 4, None), False),
    ],
)
def test_open_sizes_agree_with_any(a, b, agree):
    assert shapes_agree(a, b) == shapes_agree(b, a) == agree


def test_shape_that_both_have():
    assert common_shape((None, 4, None), (4, 4, None)) == (4, 4, None)
