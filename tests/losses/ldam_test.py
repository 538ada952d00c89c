import keras
import numpy as np
import pytest

from keras_lt.losses import LDAM
from tests.checks import to_numpy
from tests.losses.references import COUNTS
from tests.losses.references import LABELS
from tests.losses.references import LOGITS
from tests.losses.references import ROWS
from tests.losses.references import cifar_counts
from tests.losses.references import crossentropy
from tests.losses.references import each


def with_margin(margins, scale):
    """Subtracts the margin of the true class, in units of the logits."""
    logits = LOGITS.astype("float64")
    logits[ROWS, LABELS] -= scale * margins[LABELS]
    return logits


@pytest.mark.parametrize("max_margin, scale", [(0.5, 30.0), (0.2, 4.0)])
def test_matches_equation(max_margin, scale):
    margins = 1 / np.sqrt(np.sqrt(np.array(COUNTS)))
    margins = margins * max_margin / margins.max()
    np.testing.assert_allclose(
        each(LDAM(COUNTS, max_margin, scale)),
        crossentropy(with_margin(margins, scale)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_defaults_are_those_of_the_paper():
    expected = each(LDAM(COUNTS, max_margin=0.5, scale=30.0))
    np.testing.assert_array_equal(each(LDAM(COUNTS)), expected)


@pytest.mark.parametrize("num_classes", [10, 100])
def test_margins_of_long_tailed_cifar(num_classes):
    margins = LDAM(cifar_counts(num_classes, 100)).margins
    assert round(margins[0], 3) == 0.158
    assert margins[-1] == margins.max() == 0.5


def test_equal_counts_give_a_constant_margin():
    np.testing.assert_allclose(
        each(LDAM([5, 5, 5, 5], max_margin=0.3, scale=10.0)),
        crossentropy(with_margin(np.full(4, 0.3), 10.0)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_no_margin_gives_plain_crossentropy():
    np.testing.assert_allclose(
        each(LDAM(COUNTS, max_margin=0.0)),
        crossentropy(LOGITS),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_the_margin_is_kept_between_huge_equal_logits(size):
    loss = LDAM([1, 1, 1], max_margin=0.5, scale=30.0)
    logits = keras.ops.convert_to_tensor(
        size * np.array([[1, 1, -1], [1, 1, 1]], dtype="float32")
    )
    expected = [15 + np.log1p(np.exp(-15.0)), 15 + np.log(2 + np.exp(-15.0))]
    for labels in (np.array([1, 1]), np.eye(3, dtype="float32")[[1, 1]]):
        labels = keras.ops.convert_to_tensor(labels)
        np.testing.assert_allclose(
            to_numpy(loss.call(labels, logits)), expected, rtol=1e-6
        )


def test_soft_labels_are_exact_where_one_class_is_nearly_sure():
    loss = LDAM(COUNTS, max_margin=0.5, scale=30.0)
    logits = np.array([[18.0, 1.0, 0.0, -2.0]], dtype="float32")
    soft = np.array([[0.7, 0.3, 0.0, 0.0]], dtype="float32")
    expected = 0.0
    for label in range(4):
        shifted = logits.astype("float64")
        shifted[0, label] -= 30.0 * loss.margins[label]
        total = np.log(np.exp(shifted).sum())
        expected += soft[0, label] * (total - shifted[0, label])
    np.testing.assert_allclose(float(loss(soft, logits)), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["max_margin", "scale"])
def test_arguments_out_of_range_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}=-1"):
        LDAM(COUNTS, **{name: -1.0})


def test_scale_of_zero_is_refused():
    with pytest.raises(ValueError, match="`scale` must be .*scale=0"):
        LDAM(COUNTS, scale=0)
