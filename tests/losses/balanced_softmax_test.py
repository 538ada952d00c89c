import numpy as np

from keras_lt.losses import BalancedSoftmax
from tests.losses.references import COUNTS
from tests.losses.references import LABELS
from tests.losses.references import LOGITS
from tests.losses.references import ROWS
from tests.losses.references import crossentropy
from tests.losses.references import each


def test_matches_equation():
    weighed = np.array(COUNTS) * np.exp(LOGITS.astype("float64"))
    expected = -np.log(weighed[ROWS, LABELS] / weighed.sum(axis=-1))
    np.testing.assert_allclose(
        each(BalancedSoftmax(COUNTS)), expected, rtol=1e-5, atol=1e-6
    )


def test_equal_counts_give_plain_crossentropy():
    np.testing.assert_allclose(
        each(BalancedSoftmax([3, 3, 3, 3])),
        crossentropy(LOGITS),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_common_factor_of_the_counts_does_not_matter():
    np.testing.assert_allclose(
        each(BalancedSoftmax(10**6 * np.array(COUNTS))),
        each(BalancedSoftmax(COUNTS)),
        rtol=1e-6,
    )
