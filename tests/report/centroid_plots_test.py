"""Plots of centroids: what they show."""

import numpy as np
import pytest

from keras_lt import report
from keras_lt.report import plots
from keras_lt.report.plots.canvas import COLORS
from tests.report.cards import card


def logged(name="robustness", epochs=3, groups=("many", "medium", "few")):
    """Returns what an objective of that name logs, each value its own."""
    keys = [f"radius_{line}" for line in ("min", "mean", "max")]
    keys += [f"distance_{group}" for group in groups]
    keys += [f"nearest_{group}" for group in groups]
    return {
        f"{name}_{key}": [(k + 1) / 10 + e / 100 for e in range(epochs)]
        for k, key in enumerate(keys)
    }


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def test_panels_show_what_is_logged():
    history = {"loss": [2.0, 1.0, 0.5], **logged(), "many": [0.1, 0.2, 0.3]}
    figure = plots.centroid_curves(history, title="A run")
    assert titles(figure) == [
        "radius",
        "distance to the centroid",
        "nearest centroid, accuracy %",
    ]
    assert figure.get_suptitle() == "A run"
    radii = [line.get_ydata() for line in figure.axes[0].lines]
    expected = [
        history[f"robustness_radius_{x}"] for x in ("mean", "max", "min")
    ]
    np.testing.assert_allclose(radii, expected)
    for axes, key, factor in (
        (figure.axes[1], "distance", 1),
        (figure.axes[2], "nearest", 100),
    ):
        lines = lines_of(axes)
        assert list(lines) == ["many", "medium", "few"]
        for group, line in lines.items():
            values = np.array(history[f"robustness_{key}_{group}"])
            np.testing.assert_allclose(line.get_ydata(), factor * values)
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
            assert line.get_color() == COLORS[group]
        texts = axes.get_legend().get_texts()
        assert [text.get_text() for text in texts] == list(lines)
    assert figure.axes[2].get_ylim() == (0, 100)


def test_band_reaches_from_the_smallest_to_the_largest_radius():
    axes = plots.centroid_curves(logged()).axes[0]
    (band,) = axes.collections
    corners = band.get_paths()[0].get_extents()
    assert (corners.y0, corners.y1) == pytest.approx((0.1, 0.32))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["mean", "smallest and largest"]


def test_epochs_are_whole_numbers():
    figure = plots.centroid_curves(logged(epochs=2))
    figure.draw_without_rendering()
    for axes in figure.axes:
        ticks = axes.get_xticks()
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_one_row_for_each_objective():
    history = {
        **logged("robustness"),
        **logged("robustness_few", groups=["few"]),
    }
    figure = plots.centroid_curves(history)
    assert len(figure.axes) == 6
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "robustness",
        "",
        "",
        "robustness_few",
        "",
        "",
    ]
    assert list(lines_of(figure.axes[4])) == ["few"]
    for row, name in ((0, "robustness"), (3, "robustness_few")):
        line = lines_of(figure.axes[row + 1])["few"]
        expected = history[f"{name}_distance_few"]
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_what_one_objective_lacks_is_left_out():
    radii_only = {
        key: values
        for key, values in logged("average").items()
        if "radius" in key
    }
    figure = plots.centroid_curves(radii_only)
    assert titles(figure) == ["radius"]
    figure = plots.centroid_curves({**radii_only, **logged()})
    assert titles(figure) == [
        "radius",
        "radius",
        "distance to the centroid",
        "nearest centroid, accuracy %",
    ]


def test_stages_without_the_objective_are_gaps(tmp_path):
    history = {
        key: [None, None, *values, None] for key, values in logged().items()
    }
    figure = plots.centroid_curves(history)
    line = lines_of(figure.axes[1])["few"]
    expected = history["robustness_distance_few"]
    np.testing.assert_allclose(
        line.get_ydata(), [np.nan if v is None else v for v in expected]
    )
    figure.savefig(tmp_path / "figure.png")
    data = (tmp_path / "figure.png").read_bytes()
    assert data.startswith(b"\x89PNG")


def test_one_epoch_is_a_point():
    history = {key: [None, *v] for key, v in logged(epochs=1).items()}
    for axes in plots.centroid_curves(history).axes:
        assert {line.get_marker() for line in axes.lines} == {"o"}


def test_radii_below_zero_are_seen():
    history = logged()
    assert plots.centroid_curves(history).axes[0].get_ylim()[0] == 0
    history["robustness_radius_min"] = [0.1, -0.2, -1.0]
    assert plots.centroid_curves(history).axes[0].get_ylim()[0] < -1


@pytest.mark.parametrize(
    "history",
    [
        {},
        {"loss": [1.0], "many": [0.5], "val_few": [0.1]},
        {"robustness_radius_mean": []},
        {"robustness_radius_mean": [None, None]},
        {"robustness_radius_median": [1.0], "nearest_many": [1.0]},
    ],
)
def test_nothing_to_draw(history):
    assert not plots.has_centroid_curves(history)
    with pytest.raises(ValueError, match="'robustness_radius_mean' or"):
        plots.centroid_curves(history)


def test_reports_show_centroids(tmp_path):
    card(history={"loss": [1.0]}).save(tmp_path / "without")
    assert not (tmp_path / "without" / "centroids.png").exists()
    history = {key: [float("nan"), *values] for key, values in logged().items()}
    assert plots.has_centroid_curves(history)
    card(history=history).save(tmp_path / "with")
    assert (tmp_path / "with" / "centroids.png").exists()
    text = (tmp_path / "with" / "report.md").read_text()
    assert "](centroids.png)" in text
    again = report.load(tmp_path / "with")
    assert plots.has_centroid_curves(again.history)
