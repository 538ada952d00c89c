"""The tables of an accuracy-work curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from keras_lt.inference.class_mixes import MIXES
from keras_lt.inference.exit_scores import ExitScores
from keras_lt.inference.operating_point import TITLES
from keras_lt.inference.operating_point import OperatingPoint
from keras_lt.inference.operating_point import loss_text
from keras_lt.inference.operating_point import threshold_text
from keras_lt.markdown import percent
from keras_lt.markdown import table

if TYPE_CHECKING:
    from keras_lt.inference.exit_curve import ExitCurve


def curve_to_markdown(curve: ExitCurve) -> str:
    """Returns accuracy, loss, saving and exits of each point, by group."""
    tables = {
        "Accuracy, %": lambda scores: percent(scores.accuracy),
        "Loss against full depth, points": loss_text,
        "Work saved, %": lambda scores: percent(scores.saving),
    }
    parts = []
    for title, show in tables.items():
        parts += [f"## {title}", _table(curve, show, references=True)]
    number = len(curve.costs)
    parts += [
        f"## Share that leaves at each exit from 1 to {number}, %",
        _table(curve, _shares, references=False),
        _note(curve),
    ]
    return "\n\n".join(parts) + "\n"


def _table(
    curve: ExitCurve, show: Callable[[ExitScores], str], references: bool
) -> str:
    head = ["threshold", *(TITLES.get(mix, mix) for mix in MIXES)]
    rows = [
        [threshold_text(point.thresholds or (1.0,)), *_cells(point, show)]
        for point in curve.points
    ]
    if references:
        for k, point in enumerate(curve.exits[:-1], start=1):
            rows.append([f"all at exit {k}", *_cells(point, show)])
        rows.append(["full depth", *_cells(curve.full, show)])
        rows.append(["oracle", *_cells(curve.oracle, show)])
    return table(head, rows)


def _cells(
    point: OperatingPoint, show: Callable[[ExitScores], str]
) -> list[str]:
    found = [point.scores[mix] for mix in MIXES]
    return ["-" if scores is None else show(scores) for scores in found]


def _shares(scores: ExitScores) -> str:
    return " / ".join(percent(share, 0) for share in scores.exit_shares)


def _note(curve: ExitCurve) -> str:
    costs = ", ".join(percent(cost) for cost in curve.costs)
    return (
        f"An image that leaves at the exits costs {costs} % of the work of the "
        f"plain backbone. many: more than {curve.many:,} training images; "
        f"few: fewer than {curve.few:,}; medium: between. In the mean of "
        "classes and in a group every class counts alike, in accuracy, work "
        "and exits. After ± is the standard error of the loss on these "
        "images. The oracle leaves at the first exit that is right."
    )
