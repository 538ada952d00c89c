"""What a robustness objective does to centroids, epoch by epoch."""

import re
from typing import Any

import numpy as np

from keras_lt.counts import GROUPS
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import INK
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.plots.curves import History

PANELS = {
    "radius": "radius",
    "distance": "distance to the centroid",
    "nearest": "nearest centroid, accuracy %",
}
"""What is drawn beside each other, and the titles."""

_KEY = re.compile(
    "(.+)_(?:radius_(?:min|mean|max)|(?:distance|nearest)_(?:many|medium|few))"
)

Lines = dict[str, np.ndarray]
"""Values of each epoch, by group, or by min, mean and max."""


def has_centroid_curves(history: History) -> bool:
    """Tells whether a history holds what robustness objectives log.

    Args:
        history: Values of each epoch by name.

    Example:

    >>> keras_lt.report.plots.has_centroid_curves({"loss": [1.0, 0.9]})
    False
    """
    return bool(_rows(history))


def centroid_curves(history: History, title: str = "Centroids") -> Figure:
    """Draws radii, distances to centroids and how well they classify.

    On the left is the radius of the classes, from the smallest to the
    largest: radii that shrink towards 0 make the loss an ordinary one. In the
    middle is how far the examples of each group are from the centroid of
    their class (root mean square), and on the right how many of them are
    nearest to it. There is one row for each objective.

    Args:
        history: Values of each epoch by name, as in `History.history`; None
            for the epochs of stages without the objective.
        title: Stands above the plot.

    Raises:
        ValueError: If there is nothing to draw.

    Example:

    >>> history = {
    ...     "robustness_radius_mean": [0.5, 0.5],
    ...     "robustness_nearest_few": [0.1, 0.3],
    ... }
    >>> figure = keras_lt.report.plots.centroid_curves(history)
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['radius', 'nearest centroid, accuracy %']
    """
    rows = _rows(history)
    if not rows:
        raise ValueError(
            "`history` must hold values under 'robustness_radius_mean' or "
            f"their like. Received: {sorted(history)}. Pass what `fit` returns"
            " with `objectives.Robustness`."
        )
    panels = [
        panel for panel in PANELS if any(panel in r for r in rows.values())
    ]
    size = 4.2 * len(panels) + 0.4, 3.3 * len(rows) + 0.6
    with canvas(*size, title) as figure:
        grid = figure.subplots(len(rows), len(panels), squeeze=False)
        for line, (name, row) in zip(grid, rows.items(), strict=True):
            for axes, panel in zip(line, panels, strict=True):
                _draw(axes, panel, row.get(panel, {}))
            if len(rows) > 1:
                line[0].set_ylabel(name, fontweight="bold", color=INK)
        figure.supxlabel("epoch", fontsize=11)
    return figure


def _rows(history: History) -> dict[str, dict[str, Lines]]:
    """Returns the lines of each panel, by the name of the objective."""
    rows: dict[str, dict[str, Lines]] = {}
    for key, given in history.items():
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        values = np.array(given, dtype="float64")  # None becomes NaN.
        if not np.isfinite(values).any():
            continue
        name = match[1]
        panel, line = key.removeprefix(f"{name}_").split("_")
        rows.setdefault(name, {}).setdefault(panel, {})[line] = values
    return rows


def _draw(axes: Any, panel: str, lines: Lines) -> None:
    if not lines:
        axes.set_axis_off()
        return
    if panel == "radius":
        _draw_radii(axes, lines)
    else:
        _draw_groups(axes, lines, 100 if panel == "nearest" else 1)
    lowest = min(np.nanmin(values) for values in lines.values())
    if panel == "nearest":
        axes.set_ylim(0, 100)
    elif lowest >= 0:  # The radii of published code fall below it.
        axes.set_ylim(bottom=0)
    axes.set_title(PANELS[panel])
    axes.grid(axis="y")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=9, loc="best")


def _draw_radii(axes: Any, lines: Lines) -> None:
    labels = {"mean": "mean", "max": "largest", "min": "smallest"}
    if {"min", "max"} <= set(lines):
        low, high = lines["min"], lines["max"]
        axes.fill_between(
            _epochs(low), low, high, color=COLORS["all"], alpha=0.08, lw=0
        )
        labels.update(max="smallest and largest", min="_smallest")
    for line, label in labels.items():
        if line in lines:
            dashed = {"lw": 1.2, "ls": (0, (4, 2))}
            style = {"lw": 2} if line == "mean" else dashed
            _plot(axes, lines[line], COLORS["all"], label, **style)


def _draw_groups(axes: Any, lines: Lines, factor: float) -> None:
    for group in GROUPS:
        if group in lines:
            _plot(axes, factor * lines[group], COLORS[group], group, lw=2)


def _plot(
    axes: Any, values: np.ndarray, color: str, label: str, **style: Any
) -> None:
    alone = np.isfinite(values).sum() == 1
    axes.plot(
        _epochs(values),
        values,
        color=color,
        label=label,
        marker="o" if alone else None,
        **style,
    )


def _epochs(values: np.ndarray) -> np.ndarray:
    return np.arange(1, len(values) + 1)
