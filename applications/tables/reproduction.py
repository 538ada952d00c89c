"""Puts published figures beside the longest trainings of their lines."""

from collections.abc import Sequence

import numpy as np

from applications.schedules import SCHEDULES
from applications.tables.cell import Cell
from applications.tables.pairing import CellRuns
from applications.tables.table import LineName
from applications.tables.table import Table
from keras_lt.markdown import table as markdown_table

CLOSE = 0.015
"""A published accuracy is reproduced from so much below it."""

FULL = 200
"""Epochs of the published trainings."""


def published_figures(table: Table, cells: Sequence[CellRuns]) -> str:
    """Returns a table of all published figures, in Markdown.

    Args:
        table: Has the lines, with their published figures.
        cells: The finished runs.
    """
    rows = []
    for name, line in table.lines().items():
        for data, (percent, source) in line.published.items():
            known = [
                one
                for one in cells
                if _conditions(one) == (data, line.published_augmentation)
                and name in one.lines()
            ]
            longest = max(known, key=_closeness, default=None)
            here = _measured(longest, name, percent / 100)
            row = [_title(data), line.label, f"{percent:.1f}", *here, source]
            rows.append(row)
    head = ["data", "method", "published", "here", "seeds", "epochs"]
    return markdown_table([*head, "reproduced", "source"], rows)


def _measured(
    runs: CellRuns | None, name: LineName, published: float
) -> list[str]:
    """Returns accuracy, number of seeds, epochs, and what they say."""
    if runs is None:
        return ["-", "-", "-", "not trained"]
    accuracies = runs.scores(name, "accuracy")
    mean, epochs = np.mean(accuracies), _epochs(runs)
    if mean >= published - CLOSE:
        found = "yes"
    else:
        found = "no" if epochs >= FULL else f"not in {epochs} epochs"
    return [f"{100 * mean:.1f}", str(len(accuracies)), str(epochs), found]


def _epochs(runs: CellRuns) -> int:
    """Epochs of the first stage."""
    return runs.cell.epochs or SCHEDULES[runs.cell.schedule].epochs


def _closeness(runs: CellRuns) -> tuple[int, bool]:
    """The longest is closest to a publication; of equals, its schedule is."""
    return _epochs(runs), runs.cell.schedule == "ldam"


def _conditions(runs: CellRuns) -> tuple[str, str]:
    return runs.cell.data, runs.cell.augmentation


def _title(data: str) -> str:
    """Returns `"CIFAR-10-LT, 1:100"` for `"cifar10_lt 100"`."""
    application, factor = data.split()
    return Cell(application, float(factor)).data_title
