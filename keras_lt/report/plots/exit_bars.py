"""Where the images of each group leave."""

from typing import Any

import numpy as np

from keras_lt.inference import OperatingPoint
from keras_lt.markdown import percent
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import INK
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas

MIN_SHARE = 5
"""Smaller shares, in %, have no room for their number."""


def exits_of_groups(
    point: OperatingPoint, title: str = "Where images leave"
) -> Figure:
    """Draws the share of each group that leaves at each exit, as bars.

    To the right is the work that each group saves. What saves work on the
    frequent classes alone is seen at once.

    Args:
        point: What some thresholds give, or the answers of a model.
        title: Stands above the plot.

    Example:

    >>> point = keras_lt.inference.score_answers(
    ...     logits=4 * np.eye(2)[[0, 0, 1]],
    ...     exits=[1, 1, 2],
    ...     labels=[0, 1, 1],
    ...     costs=[0.4, 1.0],
    ...     class_counts=[500, 5],
    ... )
    >>> figure = keras_lt.report.plots.exits_of_groups(point)
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['all', 'many', 'few']
    """
    mixes = [
        mix
        for mix in ("all", "many", "medium", "few")
        if point.scores[mix] is not None
    ]
    with canvas(8, 1.4 + 0.6 * len(mixes), title) as figure:
        axes = figure.subplots()
        _draw_bars(axes, point, mixes)
        axes.set_yticks(range(len(mixes)), mixes)
        for label, mix in zip(axes.get_yticklabels(), mixes, strict=True):
            label.set(color=COLORS[mix], fontweight="bold")
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the images")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=6, fontsize=10
        )
    return figure


def _draw_bars(axes: Any, point: OperatingPoint, mixes: list[str]) -> None:
    found = [scores for m in mixes if (scores := point.scores[m]) is not None]
    shares = 100 * np.array([scores.exit_shares for scores in found])
    starts = np.cumsum(shares, axis=1) - shares
    for k, color in enumerate(_colors(shares.shape[1])):
        axes.barh(
            np.arange(len(mixes)),
            shares[:, k],
            0.72,
            starts[:, k],
            color=color,
            label=f"exit {k + 1}",
        )
        ink = "white" if sum(color[:3]) < 1.5 else INK
        for place, share in enumerate(shares[:, k].tolist()):
            if share >= MIN_SHARE:
                x = starts[place, k] + share / 2
                text = f"{share:.0f}"
                axes.text(x, place, text, ha="center", va="center", color=ink)
    for place, scores in enumerate(found):
        text = f"{percent(scores.saving, 0)} % saved"
        axes.text(101, place, text, va="center")


def _colors(number: int) -> list[tuple[float, ...]]:
    """Returns blues from light to dark, the darker the deeper the exit."""
    from matplotlib.colors import LinearSegmentedColormap

    blues = LinearSegmentedColormap.from_list(
        "exits", ["#BFD7EA", "#5B9BC8", "#0B4F86", "#06233F"]
    )
    return [blues(place) for place in np.linspace(0, 1, number)]
