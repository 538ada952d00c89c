import numpy as np
import pytest

from keras_lt.ops import crossentropy as module
from tests.checks import to_numpy

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 0.0]], dtype="float32")
LABELS = np.array([2, 0])


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(3)[LABELS]])
def test_crossentropy_matches_equation(labels):
    exponents = np.exp(LOGITS.astype("float64"))
    expected = -np.log(exponents[[0, 1], LABELS] / exponents.sum(axis=-1))
    result = module.crossentropy(labels, LOGITS)
    np.testing.assert_allclose(to_numpy(result), expected, rtol=1e-5)


def test_class_ids_of_soft_labels_are_the_largest_part():
    soft = np.array([[0.3, 0.1, 0.6], [0.5, 0.4, 0.1]])
    assert to_numpy(module.as_class_ids(soft, 3)).tolist() == [2, 0]


def test_soft_labels_of_class_ids_are_one_hot():
    soft = to_numpy(module.as_soft_labels(LABELS[:, None], 3))
    assert soft.dtype == "float32"
    np.testing.assert_array_equal(soft, np.eye(3)[LABELS])
