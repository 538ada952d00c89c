import numpy as np
import pytest

from keras_lt.losses import LabelAwareSmoothing
from tests.losses.references import COUNTS
from tests.losses.references import LABELS
from tests.losses.references import LOGITS
from tests.losses.references import crossentropy
from tests.losses.references import each
from tests.losses.references import log_softmax


def smoothing(form, head, tail):
    """The three formulae of the paper, with its constants."""
    counts = np.array(COUNTS, dtype="float64")
    rise = (counts - counts.min()) / (counts.max() - counts.min())
    if form == "concave":
        return tail + (head - tail) * np.sin(rise * np.pi / 2)
    if form == "linear":
        return tail + (head - tail) * rise
    return head + (head - tail) * np.sin(1.5 * np.pi + rise * np.pi / 2)


@pytest.mark.parametrize("form", ["concave", "linear", "convex"])
def test_matches_equation(form):
    each_smoothing = smoothing(form, 0.4, 0.1)[LABELS]
    spread = -log_softmax(LOGITS).mean(axis=-1)
    expected = (1 - each_smoothing) * crossentropy(LOGITS)
    expected = expected + each_smoothing * spread
    np.testing.assert_allclose(
        each(LabelAwareSmoothing(COUNTS, form=form)), expected, rtol=1e-5
    )


@pytest.mark.parametrize("form", ["concave", "linear", "convex"])
def test_the_ends_are_head_and_tail(form):
    loss = LabelAwareSmoothing(COUNTS, head=0.3, tail=0.05, form=form)
    np.testing.assert_allclose(loss.smoothing[[0, 2, 3]], [0.3, 0.05, 0.05])


def test_no_smoothing_gives_plain_crossentropy():
    np.testing.assert_allclose(
        each(LabelAwareSmoothing(COUNTS, head=0.0, tail=0.0)),
        crossentropy(LOGITS),
        rtol=1e-5,
        atol=1e-6,
    )


def test_equal_counts_smooth_as_the_tail():
    loss = LabelAwareSmoothing([5, 5, 5, 5], head=0.4, tail=0.1)
    np.testing.assert_array_equal(loss.smoothing, np.full(4, 0.1))


@pytest.mark.parametrize("name", ["head", "tail"])
def test_smoothing_out_of_range_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}=1.5"):
        LabelAwareSmoothing(COUNTS, **{name: 1.5})


def test_unknown_form_is_refused():
    with pytest.raises(ValueError, match="'concave', 'linear', 'convex'"):
        LabelAwareSmoothing(COUNTS, form="straight")
