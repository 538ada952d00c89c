"""Whether the model is right as often as it says, by group."""

from typing import Any

import numpy as np

from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.reliability import Reliability
from keras_lt.report.report_card import ReportCard

MIN_EXAMPLES = 5
"""Bins with fewer examples are drawn faintly: they say little."""


def reliability_diagram(card: ReportCard) -> Figure:
    """Draws accuracy against confidence, for all images and for each group.

    On the diagonal a model is right as often as it says. The dark line on a
    bar is its accuracy, and the paler part the gap to the confidence. Bars of
    fewer than five images are faint. The lower panels show how many images
    have each confidence.

    Args:
        card: The report.

    Example:

    >>> from keras_lt import report
    >>> card = report.from_logits(np.eye(3) * 4, [0, 1, 2], [500, 50, 5])
    >>> figure = report.plots.reliability_diagram(card)
    >>> len(figure.axes)  # Two for each: all, many, medium, few.
    8
    """
    found = {
        n: bins for n, bins in card.reliability.items() if sum(bins.counts)
    }
    with canvas(2.9 * len(found) + 0.6, 5, _title(card)) as figure:
        rows = figure.subplots(
            2,
            len(found),
            sharex=True,
            sharey="row",
            squeeze=False,
            height_ratios=[3, 1],
        )
        for column, (name, bins) in enumerate(found.items()):
            _draw_bins(rows[0, column], name, bins)
            _draw_shares(rows[1, column], name, bins)
        rows[0, 0].set_ylabel("accuracy %")
        rows[1, 0].set_ylabel("% of images")
        figure.get_layout_engine().set(h_pad=0.08)
        figure.supxlabel("confidence %", fontsize=11)
    return figure


def _title(card: ReportCard) -> str:
    gap = float(card.outcomes.confidences.mean()) - card.accuracy
    if abs(gap) < 0.01:
        return f"{card.name}: as sure as it should be, on average"
    kind = "too sure" if gap > 0 else "not sure enough"
    return f"{card.name}: {kind} by {100 * abs(gap):.1f} points on average"


def _draw_bins(axes: Any, name: str, bins: Reliability) -> None:
    lefts, width = _lefts(bins)
    counts = np.asarray(bins.counts)
    accuracy, confidence = (
        100 * np.array([np.nan if v is None else v for v in values])
        for values in (bins.accuracies, bins.confidences)
    )
    low = np.minimum(accuracy, confidence)
    gap = np.abs(accuracy - confidence)
    style = {"width": 0.92 * width, "align": "edge", "color": COLORS[name]}
    rare = (counts > 0) & (counts < MIN_EXAMPLES)
    for rows, strength in ((counts >= MIN_EXAMPLES, 1.0), (rare, 0.35)):
        x = lefts[rows]
        axes.bar(x, low[rows], alpha=0.7 * strength, **style)
        axes.bar(x, gap[rows], bottom=low[rows], alpha=0.25 * strength, **style)
        axes.hlines(
            accuracy[rows],
            x,
            x + style["width"],
            color=COLORS["all"],
            lw=1.8,
            alpha=strength,
        )
    axes.plot([0, 100], [0, 100], color="#777777", lw=1, ls="--")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_title(
        f"{name}: error {100 * (bins.calibration_error or 0):.1f} %",
        color=COLORS[name],
        fontweight="bold",
    )


def _draw_shares(axes: Any, name: str, bins: Reliability) -> None:
    lefts, width = _lefts(bins)
    shares = 100 * np.asarray(bins.counts) / sum(bins.counts)
    axes.bar(
        lefts, shares, 0.92 * width, align="edge", color=COLORS[name], alpha=0.4
    )
    axes.set_xticks([0, 50, 100])


def _lefts(bins: Reliability) -> tuple[np.ndarray, float]:
    width = 100 / len(bins.counts)
    return np.arange(len(bins.counts)) * width, width
