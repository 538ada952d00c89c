"""A value of each class, from the head to the tail."""

from typing import Any

import numpy as np

from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import running_mean

MAX_BARS = 200
"""With more classes, bars would be thinner than a pixel."""


def draw_class_values(
    axes: Any, values: np.ndarray, colors: list[str], **legend: Any
) -> None:
    """Draws bars, or dots and their running mean where bars would be thin.

    Args:
        axes: Where to.
        values: One for each class, sorted; NaN if there is none.
        colors: One for each class.
        **legend: Where its legend goes, if there is one.
    """
    places = np.arange(len(values))
    if len(values) <= MAX_BARS:
        axes.bar(places, np.nan_to_num(values), 0.8, color=colors, alpha=0.55)
        return
    size, alpha = (14, 0.35) if len(values) <= 2000 else (5, 0.15)
    axes.scatter(places, values, size, color=colors, alpha=alpha, lw=0)
    trend = running_mean(values, max(11, len(values) // 40))
    axes.plot(places, trend, color=COLORS["all"], lw=1.8, label="running mean")
    axes.legend(**legend)
