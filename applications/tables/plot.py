"""Draws the lines of a cell side by side."""

from typing import Any

import numpy as np

from applications.tables.pairing import CellRuns
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import canvas


def scores(runs: CellRuns) -> Any:
    """Returns a figure with a row of points for each line of the table.

    Args:
        runs: Those of one cell.
    """
    lines = runs.lines()
    with canvas(9.0, 1.2 + 0.34 * len(lines)) as figure:
        axes = figure.subplots()
        for name, color in COLORS.items():
            score = "accuracy" if name == "all" else name
            values = [runs.scores(line, score) for line in lines]
            if None in values[0]:
                continue  # The cell has no classes of this group.
            axes.plot(
                [100 * np.mean(one) for one in values],
                range(len(lines)),
                "D" if name == "all" else "o",
                color=color,
                label=name,
            )
        axes.set_yticks(range(len(lines)), map(runs.table.label, lines))
        axes.invert_yaxis()
        axes.set_xlabel("accuracy %")
        axes.grid(alpha=0.4)
        figure.legend(loc="outside upper right", ncols=len(COLORS))
    return figure
