"""What changes between two runs, from the head to the tail."""

from typing import Any

import numpy as np

from keras_lt.report.class_table import ClassTable
from keras_lt.report.paired_comparison import check_same_examples
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.plots.canvas import group_spans
from keras_lt.report.plots.canvas import label_classes
from keras_lt.report.plots.canvas import label_groups
from keras_lt.report.plots.canvas import shade_groups
from keras_lt.report.plots.canvas import sorted_colors
from keras_lt.report.plots.class_accuracies import MAX_NAMES
from keras_lt.report.plots.class_values import draw_class_values
from keras_lt.report.report_card import ReportCard


def class_differences(
    first: ReportCard,
    second: ReportCard,
    names: tuple[str, str] | None = None,
) -> Figure:
    """Draws how many points each class wins or loses from run to run.

    Args:
        first: The run that is compared with.
        second: The run whose gains point upwards.
        names: What the two are called; by default the names of the reports.

    Raises:
        ValueError: If the reports are not of the same test examples.

    Example:

    >>> from keras_lt import report
    >>> logits, labels, counts = np.eye(2) * 3, [0, 1, 1], [500, 5]
    >>> a = report.from_logits(logits[[0, 0, 0]], labels, counts)
    >>> b = report.from_logits(logits[[0, 1, 1]], labels, counts)
    >>> figure = report.plots.class_differences(a, b)
    >>> figure.axes[0].get_ylabel()
    'points'
    """
    before, after = names or (first.name, second.name)
    check_same_examples(before, first, after, second)
    classes = first.classes
    pairs = zip(first.class_accuracies, second.class_accuracies, strict=True)
    changes = np.array(
        [np.nan if a is None or b is None else b - a for a, b in pairs]
    )
    values = 100 * changes[classes.order]
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    title = f"{after} less {before}: {better:,} classes better, {worse:,} worse"
    with canvas(9, 4.4, title) as figure:
        axes = figure.subplots()
        shade_groups(axes, classes)
        colors = sorted_colors(classes)
        draw_class_values(axes, values, colors, loc="lower left")
        _draw_means(axes, classes, changes, values)
        axes.axhline(0, color=COLORS["all"], lw=0.8)
        axes.set_ylabel("points")
        axes.grid(axis="y")
        label_classes(axes, classes, MAX_NAMES)
    return figure


def _draw_means(
    axes: Any, classes: ClassTable, changes: np.ndarray, values: np.ndarray
) -> None:
    largest = np.nanmax(np.abs(values), initial=1.0)
    axes.set_ylim(-1.1 * largest, 1.3 * largest)
    texts = {}
    for name, (begin, end) in group_spans(classes).items():
        members = changes[classes.groups[name]]
        members = members[np.isfinite(members)]
        if not len(members):
            continue
        mean = 100 * float(members.mean())
        ends = (begin - 0.5, end - 0.5)
        axes.plot(ends, [mean, mean], color=COLORS[name], lw=2.5)
        texts[name] = f"{name} {mean:+.1f}".replace("-", "\N{MINUS SIGN}")
    label_groups(axes, classes, texts, height=0.945)
