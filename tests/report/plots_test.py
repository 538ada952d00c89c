"""Plots: what they show, and that they leave nothing behind."""

import sys

import numpy as np
import pytest

from keras_lt import report
from keras_lt.report import plots
from keras_lt.report.plots.canvas import running_mean
from keras_lt.report.plots.confusions import confusion_shares
from tests.report.cards import card

HISTORY = {
    "loss": [2.0, 1.0],
    "val_loss": [2.0, None],
    "accuracy": [0.1, 0.5],
    "many": [0.2, 0.6],
    "val_many": [0.2, 0.5],
    "val_few": [0.0, 0.1],
    "learning_rate": [0.1, 0.1],
}


def many_classes(size, examples=2):
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(size), examples)
    logits = generator.normal(size=(len(labels), size))
    logits[np.arange(len(labels)), labels] += 2
    counts = np.maximum(1, 500 // np.arange(1, size + 1))
    return report.from_logits(logits, labels, counts)


def png(figure, tmp_path):
    figure.savefig(tmp_path / "figure.png")
    return (tmp_path / "figure.png").read_bytes()


@pytest.mark.parametrize("size", [2, 25, 130, 260])
def test_all_sizes_draw(size, tmp_path):
    cards = many_classes(size), many_classes(size)
    for figure in (
        plots.accuracy_along_tail(cards[0]),
        plots.confusion_matrix(cards[0]),
        plots.reliability_diagram(cards[0]),
        plots.class_differences(*cards),
    ):
        assert png(figure, tmp_path).startswith(b"\x89PNG")


def test_bars_follow_the_training_counts():
    logits = 4 * np.eye(3)[[0, 1, 1, 0]]
    found = report.from_logits(logits, [0, 1, 1, 2], [5, 500, 50])
    axes = plots.accuracy_along_tail(found).axes[0]
    heights = [bar.get_height() for bar in axes.containers[0]]
    assert heights == [100.0, 0.0, 100.0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["many 100.0 %", "medium 0.0 %", "few 100.0 %"]


def test_class_without_test_images_or_training_images(tmp_path):
    logits = 4 * np.eye(3)[[0, 1, 1]]
    found = report.from_logits(logits, [0, 1, 1], [500, 50, 0])
    for figure in (
        plots.accuracy_along_tail(found),
        plots.confusion_matrix(found),
        plots.reliability_diagram(found),
        plots.class_differences(found, found),
    ):
        png(figure, tmp_path)
    assert np.isnan(confusion_shares(found)[2]).all()


def test_names_with_markup_draw(tmp_path):
    logits = 4 * np.eye(2)
    found = report.from_logits(
        logits, [0, 1], [50, 5], class_names=["$x$ $", "a" * 99], name="$\\bad$"
    )
    png(plots.accuracy_along_tail(found), tmp_path)
    png(plots.confusion_matrix(found), tmp_path)


def test_shares_of_the_matrix():
    logits = 4 * np.eye(3)[[0, 1, 1, 0]]
    found = report.from_logits(logits, [0, 1, 1, 2], [5, 500, 50])
    expected = [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(confusion_shares(found), expected)


def test_neighbours_share_cells():
    found = many_classes(250)
    shares = confusion_shares(found)
    assert shares.shape == (100, 100)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    # Classes 0 to 2 of 250 are the first cell of 100.
    rows = found.outcomes.labels < 3
    inside = (found.outcomes.predictions[rows] < 3).mean()
    assert shares[0, 0] == pytest.approx(inside)


def test_curves():
    figure = plots.training_curves(HISTORY)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["loss", "accuracy %", "accuracy of groups %"]
    lines = figure.axes[2].get_lines()
    assert len(lines) == 3
    np.testing.assert_allclose(lines[1].get_ydata(), [20, 50])
    np.testing.assert_array_equal(lines[1].get_xdata(), [1, 2])


def test_curves_without_values():
    assert not plots.has_curves({})
    assert not plots.has_curves({"loss": []})
    with pytest.raises(ValueError, match=r"Received: \['learning_rate'\]"):
        plots.training_curves({"learning_rate": [0.1]})


def test_differences_need_the_same_examples():
    with pytest.raises(ValueError, match="same test examples"):
        plots.class_differences(card(), many_classes(8, examples=50))


def test_global_state_is_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.accuracy_along_tail(card())
    assert dict(matplotlib.rcParams) == before


def test_missing_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "keras-lt\[report\]"'):
        card().save(tmp_path / "report")
    assert not (tmp_path / "report").exists()
    card().save(tmp_path / "report", plots=False)


def test_running_mean():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    np.testing.assert_allclose(running_mean(values, 3), [1, 2, 4, 4])


def test_labels_of_narrow_groups_do_not_overlap():
    counts = [500, 50, *[5] * 98]
    logits = 4 * np.eye(100)
    found = report.from_logits(logits, np.arange(100), counts)
    for reverse in (False, True):
        if reverse:
            counts = [*[500] * 98, 50, 5]
            found = report.from_logits(logits, np.arange(100), counts)
        figure = plots.accuracy_along_tail(found)
        figure.draw_without_rendering()
        boxes = [t.get_window_extent() for t in figure.axes[0].texts]
        assert len(boxes) == 3
        frame = figure.axes[0].get_window_extent()
        assert boxes[0].x0 >= frame.x0
        assert boxes[0].x1 < boxes[1].x0
        assert boxes[1].x1 < boxes[2].x0
        assert boxes[2].x1 <= frame.x1
