"""The plot of head against tail: what it shows."""

import numpy as np
import pytest

from keras_lt import posthoc
from keras_lt import report
from keras_lt.report import plots
from tests.report.cards import COUNTS
from tests.report.cards import answers
from tests.report.cards import card

TAUS = [0.0, 0.4, 0.5, 1.0, 1.3]


def sweep(seed=0, shift=1.0, **kwargs):
    return posthoc.choose_tau(*answers(seed, shift), COUNTS, TAUS, **kwargs)


def lines_of(axes):
    return {
        line.get_label(): np.transpose(line.get_data())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_points_are_the_scores_of_reports():
    logits, labels = answers(0, 1.0)
    for tau, many, few in sweep().points():
        adjusted = posthoc.adjust_logits(logits, COUNTS, tau)
        found = report.from_logits(adjusted, labels, COUNTS, resamples=1)
        assert many == pytest.approx(found.scores["many"])
        assert few == pytest.approx(found.scores["few"])


def test_a_line_for_each_method():
    sweeps = {"one": sweep(0), "two": sweep(1)}
    axes = plots.head_tail_curve(sweeps).axes[0]
    lines = lines_of(axes)
    assert list(lines) == ["one", "two"]
    for name, line in lines.items():
        scores = sweeps[name].scores
        np.testing.assert_allclose(line[:, 0], 100 * scores["many"])
        np.testing.assert_allclose(line[:, 1], 100 * scores["few"])
    assert len({line.get_color() for line in axes.lines}) == 2
    assert axes.get_xlabel() == "many, accuracy %"


def test_numbers_stand_at_their_points():
    found = sweep()
    axes = plots.head_tail_curve({"one": found}).axes[0]
    places = {f"{tau:g}": (100 * x, 100 * y) for tau, x, y in found.points()}
    written = {text.get_text(): text.xy for text in axes.texts}
    assert list(written) == ["0", "0.5", "1", "1.3"]
    for text, place in written.items():
        assert place == pytest.approx(places[text])


def test_points_in_one_place_have_one_number():
    logits, labels = 50 * np.eye(8)[[0, 1, 6, 7]], [0, 1, 6, 7]
    found = posthoc.choose_tau(logits, labels, COUNTS)
    axes = plots.head_tail_curve({"one": found}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0"]


def test_other_scores_and_reports():
    one = card()
    axes = plots.head_tail_curve(
        {"line": sweep()},
        {"point": one},
        x="accuracy",
        y="balanced_accuracy",
    ).axes[0]
    assert axes.get_xlabel() == "all images, accuracy %"
    assert axes.get_ylabel() == "mean of classes, accuracy %"
    (place,) = lines_of(axes)["point"]
    expected = (100 * one.accuracy, 100 * one.balanced_accuracy)
    assert tuple(place) == pytest.approx(expected)
    assert plots.head_tail_curve({}, {"point": one}).axes


def test_chosen_tau_has_a_ring():
    found = sweep()
    axes = plots.head_tail_curve({"one": found}, chosen={"one": 0.4}).axes[0]
    (ring,) = [
        line for line in axes.lines if line.get_markerfacecolor() == "none"
    ]
    _, x, y = found.points()[1]
    assert ring.get_xydata()[0] == pytest.approx((100 * x, 100 * y))
    with pytest.raises(ValueError, match="0.7 for 'one', which has 0 to 1.3"):
        plots.head_tail_curve({"one": found}, chosen={"one": 0.7})


def test_many_methods_draw(tmp_path):
    sweeps = {f"method {k}": sweep(k) for k in range(8)}
    figure = plots.head_tail_curve(sweeps, {"plain": card()})
    figure.savefig(tmp_path / "figure.png")
    data = (tmp_path / "figure.png").read_bytes()
    assert data.startswith(b"\x89PNG")


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="must hold something to draw"):
        plots.head_tail_curve({})
    with pytest.raises(ValueError, match="examples of 'many' to have a score"):
        plots.head_tail_curve({"one": sweep(many=1000)})
    with pytest.raises(ValueError, match="`score` must be one of 'accuracy'"):
        plots.head_tail_curve({"one": sweep()}, x="head")
    with pytest.raises(ValueError, match="'model' without 'many'"):
        plots.head_tail_curve({}, {"one": card(many=1000)})
    logits, labels = answers()
    exits = np.stack([logits, logits], axis=1)
    with pytest.raises(ValueError, match="a sweep over 2 exits"):
        posthoc.choose_tau(exits, labels, COUNTS).points()
