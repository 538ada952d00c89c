"""Post-hoc logit adjustment against its equation."""

import numpy as np
import pytest

from keras_lt import posthoc

COUNTS = [900, 90, 10]


def logits():
    return np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_matches_equation(tau):
    expected = logits() - tau * np.log(np.array(COUNTS) / 1000)
    adjusted = posthoc.adjust_logits(logits(), COUNTS, tau)
    np.testing.assert_allclose(adjusted, expected, 1e-12)


def test_undoes_the_prior_of_the_training_set():
    balanced = logits()
    trained = balanced + np.log(COUNTS)
    adjusted = posthoc.adjust_logits(trained, COUNTS)
    shift = adjusted - balanced
    np.testing.assert_allclose(shift, shift[0, 0], 1e-9)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64")],
)
def test_dtype(given, expected):
    before = logits().astype(given)
    kept = before.copy()
    assert posthoc.adjust_logits(before, COUNTS).dtype == expected
    np.testing.assert_array_equal(before, kept)


def test_bad_input():
    bad = logits()
    bad[4, 1] = np.nan
    with pytest.raises(ValueError, match="in 1 of 6 rows, first in row 4"):
        posthoc.adjust_logits(bad, COUNTS)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(6, 3\)"):
        posthoc.adjust_logits(logits(), [5, 5])
    with pytest.raises(ValueError, match="`tau` must be .* 0 or greater"):
        posthoc.adjust_logits(logits(), COUNTS, tau=-1)
    with pytest.raises(ValueError, match="1 of 3 classes below 1"):
        posthoc.adjust_logits(logits(), [5, 0, 5])
