import numpy as np
import pytest

from keras_lt.losses import BalancedSoftmax
from keras_lt.losses import LogitAdjusted
from tests.losses.references import COUNTS
from tests.losses.references import LOGITS
from tests.losses.references import crossentropy
from tests.losses.references import each


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_matches_equation(tau):
    shift = tau * np.log(np.array(COUNTS) / np.sum(COUNTS))
    np.testing.assert_allclose(
        each(LogitAdjusted(COUNTS, tau=tau)),
        crossentropy(LOGITS + shift),
        rtol=1e-5,
        atol=1e-6,
    )


def test_equal_counts_give_plain_crossentropy():
    np.testing.assert_allclose(
        each(LogitAdjusted([7, 7, 7, 7], tau=3.0)),
        crossentropy(LOGITS),
        rtol=1e-5,
        atol=1e-6,
    )


def test_tau_of_one_is_balanced_softmax():
    np.testing.assert_allclose(
        each(LogitAdjusted(COUNTS)),
        each(BalancedSoftmax(COUNTS)),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("tau", [-1.0, np.nan, np.inf])
def test_tau_out_of_range_is_refused(tau):
    with pytest.raises(ValueError, match=f"`tau` must be .*tau={tau}"):
        LogitAdjusted(COUNTS, tau=tau)
