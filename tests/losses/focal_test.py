import numpy as np
import pytest

from keras_lt.losses import Focal
from tests.losses.references import LABELS
from tests.losses.references import LOGITS
from tests.losses.references import crossentropy
from tests.losses.references import each


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_softmax_form_matches_equation(gamma):
    losses = crossentropy(LOGITS)
    expected = (1 - np.exp(-losses)) ** gamma * losses
    np.testing.assert_allclose(
        each(Focal(gamma)), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_sigmoid_form_matches_equation(gamma):
    targets = np.eye(4)[LABELS]
    probability = 1 / (1 + np.exp(-LOGITS.astype("float64")))
    right = np.where(targets == 1, probability, 1 - probability)
    expected = np.sum((1 - right) ** gamma * -np.log(right), axis=-1)
    np.testing.assert_allclose(
        each(Focal(gamma, form="sigmoid")), expected, rtol=1e-5, atol=1e-6
    )


def test_gamma_of_zero_gives_plain_crossentropy():
    np.testing.assert_allclose(
        each(Focal(0.0)), crossentropy(LOGITS), rtol=1e-5, atol=1e-6
    )


def test_defaults_are_those_of_the_paper():
    expected = each(Focal(gamma=2.0, form="softmax"))
    np.testing.assert_array_equal(each(Focal()), expected)


def test_gamma_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`gamma` must be .*gamma=-0.1"):
        Focal(-0.1)


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="'softmax', 'sigmoid'. Received.*x"):
        Focal(form="x")
