import numpy as np
import pytest

from keras_lt.losses import ClassBalanced
from keras_lt.losses import Focal
from tests.losses.references import COUNTS
from tests.losses.references import LABELS
from tests.losses.references import LOGITS
from tests.losses.references import crossentropy
from tests.losses.references import each


def weight_of_examples(beta):
    weights = (1 - beta) / (1 - beta ** np.array(COUNTS, dtype="float64"))
    return (weights / weights.sum() * len(COUNTS))[LABELS]


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999])
def test_softmax_form_matches_equation(beta):
    np.testing.assert_allclose(
        each(ClassBalanced(COUNTS, beta)),
        weight_of_examples(beta) * crossentropy(LOGITS),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("form, gamma", [("sigmoid", 0.0), ("focal", 1.5)])
def test_binary_forms_match_equation(form, gamma):
    targets = np.eye(4)[LABELS]
    probability = 1 / (1 + np.exp(-LOGITS.astype("float64")))
    right = np.where(targets == 1, probability, 1 - probability)
    losses = np.sum((1 - right) ** gamma * -np.log(right), axis=-1)
    loss = ClassBalanced(COUNTS, 0.99, form, gamma=1.5)
    np.testing.assert_allclose(
        each(loss), weight_of_examples(0.99) * losses, rtol=1e-5, atol=1e-6
    )


def test_defaults_are_those_of_the_released_code():
    for form in ("softmax", "focal"):
        expected = ClassBalanced(COUNTS, beta=0.9999, form=form, gamma=1.0)
        found = each(ClassBalanced(COUNTS, form=form))
        np.testing.assert_array_equal(found, each(expected))
    softmax = each(ClassBalanced(COUNTS, form="softmax"))
    np.testing.assert_array_equal(each(ClassBalanced(COUNTS)), softmax)


@pytest.mark.parametrize("counts, beta", [([6, 6, 6, 6], 0.9), (COUNTS, 0.0)])
def test_equal_weights_give_the_plain_losses(counts, beta):
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(
        each(ClassBalanced(counts, beta)), crossentropy(LOGITS), **tolerance
    )
    np.testing.assert_allclose(
        each(ClassBalanced(counts, beta, "focal", gamma=2.0)),
        each(Focal(2.0, form="sigmoid")),
        **tolerance,
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"beta": 1.0}, "`beta` must be .* smaller than 1. Received: beta=1"),
        ({"form": "hinge"}, "'softmax', 'sigmoid', 'focal'.*'hinge'"),
        ({"gamma": -1.0}, "`gamma` must be .*gamma=-1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassBalanced(COUNTS, **arguments)
