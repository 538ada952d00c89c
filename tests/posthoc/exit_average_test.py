import keras
import numpy as np
import pytest

from keras_lt import posthoc
from keras_lt.posthoc import logit_arrays


@pytest.fixture
def exit_logits():
    return np.random.default_rng(0).normal(size=(7, 3, 4)) * 3


def test_mean_of_probabilities(exit_logits):
    odds = np.exp(exit_logits)
    odds /= odds.sum(axis=2, keepdims=True)
    found = posthoc.average_exits(exit_logits)
    assert found.dtype == "float64"
    np.testing.assert_allclose(np.exp(found), odds.mean(axis=1), rtol=1e-12)


def test_tensors_give_float32(exit_logits):
    tensor = keras.ops.convert_to_tensor(exit_logits.astype("float32"))
    found = posthoc.average_exits(tensor)
    assert found.dtype == "float32"
    expected = posthoc.average_exits(exit_logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_parts_make_no_difference(exit_logits, monkeypatch):
    whole = posthoc.average_exits(exit_logits)
    monkeypatch.setattr(logit_arrays, "_VALUES_AT_A_TIME", 30)
    np.testing.assert_array_equal(posthoc.average_exits(exit_logits), whole)


def test_one_exit_answers_as_it_is(exit_logits):
    one = exit_logits[:, :1]
    found = posthoc.average_exits(one) - one[:, 0]
    np.testing.assert_allclose(found - found[:, :1], 0, atol=1e-12)


def test_large_logits_stay_finite():
    logits = np.array([[[5e3, 0.0], [0.0, 5e3]]])
    found = posthoc.average_exits(logits)
    np.testing.assert_allclose(found, np.log([[0.5, 0.5]]))
    np.testing.assert_allclose(
        posthoc.average_exits(logits[:, :1]), [[0.0, -5e3]]
    )


def test_adjustment_works_on_it(exit_logits):
    found = posthoc.adjust_logits(
        posthoc.average_exits(exit_logits), [9, 5, 1, 1]
    )
    assert found.shape == (7, 4)


@pytest.mark.parametrize("shape", [(4, 3), (4, 0, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="`exit_logits` must hold .*Received"):
        posthoc.average_exits(np.zeros(shape))


def test_nan_is_refused(exit_logits):
    exit_logits[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="first in row 2"):
        posthoc.average_exits(exit_logits)
