"""Accuracy against work, as exits become easier."""

from typing import Any

from keras_lt.inference import ExitCurve
from keras_lt.inference import ExitScores
from keras_lt.inference import OperatingPoint
from keras_lt.inference.operating_point import TITLES
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import INK
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas

COLORS_OF = {**COLORS, "balanced": "#CC79A7"}


def accuracy_by_work(
    curve: ExitCurve,
    chosen: OperatingPoint | None = None,
    *,
    balanced: bool = False,
    title: str = "Accuracy and work",
) -> Figure:
    """Draws accuracy against work, of all images and of each group.

    A point is one setting of the thresholds; its work is that of the group
    itself. The square at the end of a line is full depth, and the dotted line
    from it the accuracy to be kept. A group far to the left saves most.

    Args:
        curve: Accuracy and work along the thresholds.
        chosen: Thresholds to mark with diamonds, as these examples see them:
            `outcomes.at(point.thresholds)`.
        balanced: Whether to draw the mean of classes in place of all images,
            which differ where the classes have unequal numbers of images.
        title: Stands above the plot.

    Example:

    >>> logits = 4 * np.eye(2)[[[0, 0], [1, 1], [0, 1]]]  # Three images.
    >>> outcomes = keras_lt.inference.ExitOutcomes.from_logits(
    ...     logits, [0, 1, 1], costs=[0.4, 1.0], class_counts=[500, 5]
    ... )
    >>> figure = keras_lt.report.plots.accuracy_by_work(outcomes.curve())
    >>> figure.axes[0].get_xlabel()
    'work, % of the plain backbone'
    """
    mixes = ["balanced" if balanced else "all", "many", "medium", "few"]
    with canvas(7.6, 5, title) as figure:
        axes = figure.subplots()
        for mix in mixes:
            _draw_line(axes, curve, mix)
        if chosen is not None:
            _mark(axes, chosen, mixes)
        axes.set_xlabel("work, % of the plain backbone")
        axes.set_ylabel("accuracy %")
        axes.set_xlim(left=0)
        axes.grid()
        axes.legend(loc="best")
    return figure


def _draw_line(axes: Any, curve: ExitCurve, mix: str) -> None:
    full = curve.full.scores[mix]
    if full is None:
        return
    color = COLORS_OF[mix]
    points = [point.scores[mix] for point in curve.points]
    places = sorted({_place(scores) for scores in points if scores})
    axes.plot(
        *zip(*places, strict=True),
        color=color,
        lw=1.8 if mix in TITLES else 1.4,
        marker="o",
        ms=3.5,
        label=TITLES.get(mix, mix),
    )
    work, accuracy = _place(full)
    axes.plot(work, accuracy, "s", color=color, ms=7)
    axes.hlines(accuracy, 0, work, color=color, lw=0.9, ls=":")


def _mark(axes: Any, chosen: OperatingPoint, mixes: list[str]) -> None:
    label = "chosen"
    for mix in mixes:
        scores = chosen.scores[mix]
        if scores is not None:
            axes.plot(
                *_place(scores),
                "D",
                ms=8,
                color=COLORS_OF[mix],
                markeredgecolor=INK,
                label=label,
                zorder=4,
            )
            label = "_chosen"  # One entry of the legend is enough.


def _place(scores: ExitScores) -> tuple[float, float]:
    return 100 * scores.cost, 100 * scores.accuracy
