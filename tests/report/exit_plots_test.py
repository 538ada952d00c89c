"""Plots of exits: what they show."""

import numpy as np
import pytest

from keras_lt.inference import ExitOutcomes
from keras_lt.report import plots

MIXES = ("all", "many", "medium", "few")


def some_outcomes(exits=3, size=60, **kwargs):
    generator = np.random.default_rng(exits)
    labels = generator.integers(0, 6, size)
    return ExitOutcomes(
        labels=labels,
        predictions=np.where(
            generator.random((size, exits)) < 0.7, labels[:, None], 0
        ),
        scores=generator.random((size, exits - 1)),
        costs=np.linspace(0.3, 1.0, exits) if exits > 1 else [1.0],
        class_counts=[500, 300, 60, 30, 9, 2],
        **kwargs,
    )


def lines_of(axes):
    return {
        line.get_label(): np.transpose(line.get_data())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_lines_are_the_points_of_each_group():
    curve = some_outcomes().curve()
    axes = plots.accuracy_by_work(curve).axes[0]
    lines = lines_of(axes)
    assert list(lines) == ["all images", "many", "medium", "few"]
    for name, line in lines.items():
        mix = "all" if name == "all images" else name
        # From left to right, or the line would run back and forth.
        expected = {
            (100 * p.scores[mix].cost, 100 * p.scores[mix].accuracy)
            for p in curve.points
        }
        np.testing.assert_allclose(line, sorted(expected))
    full = curve.full.scores["few"]
    squares = [
        line.get_data() for line in axes.lines if line.get_marker() == "s"
    ]
    assert (100 * full.cost, 100 * full.accuracy) in [
        (x[0], y[0]) for x, y in squares
    ]


def test_chosen_point_is_marked_on_each_line():
    outcomes = some_outcomes()
    chosen = outcomes.at([0.5, 0.8])
    axes = plots.accuracy_by_work(outcomes.curve(), chosen).axes[0]
    marks = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() == "D"
    }
    assert marks == {
        (100 * chosen.scores[mix].cost, 100 * chosen.scores[mix].accuracy)
        for mix in MIXES
    }
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts.count("chosen") == 1


def test_mean_of_classes_in_place_of_all_images():
    curve = some_outcomes().curve()
    axes = plots.accuracy_by_work(curve, balanced=True).axes[0]
    assert list(lines_of(axes))[0] == "mean of classes"


def test_bars_are_the_shares():
    point = some_outcomes().at([0.7, 0.8])
    axes = plots.exits_of_groups(point).axes[0]
    for k, bars in enumerate(axes.containers):
        assert bars.get_label() == f"exit {k + 1}"
        for mix, bar in zip(
            ("all", "many", "medium", "few"), bars, strict=True
        ):
            shares = point.scores[mix].exit_shares
            assert bar.get_width() == pytest.approx(100 * shares[k])
            assert bar.get_x() == pytest.approx(100 * sum(shares[:k]))
    texts = [text.get_text() for text in axes.texts]
    assert f"{100 * point.scores['few'].saving:.0f} % saved" in texts


@pytest.mark.parametrize("exits", [1, 2, 7])
def test_all_numbers_of_exits_draw(exits, tmp_path):
    outcomes = some_outcomes(exits, many=1000)  # No class is frequent.
    point = outcomes.at(0.7)
    for figure in (
        plots.accuracy_by_work(outcomes.curve(), point),
        plots.exits_of_groups(point),
    ):
        figure.savefig(tmp_path / "figure.png")
        data = (tmp_path / "figure.png").read_bytes()
        assert data.startswith(b"\x89PNG")
        labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert "many" not in labels
