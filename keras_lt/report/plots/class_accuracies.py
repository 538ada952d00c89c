"""Accuracy of each class, from the head to the tail."""

from typing import Any

import numpy as np

from keras_lt.report.class_table import ClassTable
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import FAINT
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.plots.canvas import group_spans
from keras_lt.report.plots.canvas import label_classes
from keras_lt.report.plots.canvas import label_groups
from keras_lt.report.plots.canvas import shade_groups
from keras_lt.report.plots.canvas import sorted_colors
from keras_lt.report.plots.class_values import MAX_BARS
from keras_lt.report.plots.class_values import draw_class_values
from keras_lt.report.report_card import ReportCard

MAX_NAMES = 30
"""Class names are written up to this number of classes."""


def accuracy_along_tail(card: ReportCard) -> Figure:
    """Draws the accuracy of each class, sorted by training images.

    The lower panel is the number of training images, the line in each group
    its mean. With more than 200 classes, a class is a dot, and a running mean
    shows the trend.

    Args:
        card: The report.

    Example:

    >>> from keras_lt import report
    >>> card = report.from_logits(np.eye(3) * 4, [0, 1, 2], [500, 50, 5])
    >>> figure = report.plots.accuracy_along_tail(card)
    >>> len(figure.axes)
    2
    """
    classes = card.classes
    accuracies = np.array(
        [np.nan if a is None else a for a in card.class_accuracies]
    )[classes.order]
    title = (
        f"{card.name}: {100 * card.balanced_accuracy:.1f} % accuracy as mean "
        "of classes"
    )
    with canvas(9, 5.4, title) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        shade_groups(top, classes)
        _draw_accuracies(top, 100 * accuracies, sorted_colors(classes))
        _draw_group_means(top, card)
        top.set_ylim(0, 112)
        top.set_yticks(range(0, 101, 20))
        top.set_ylabel("accuracy %")
        top.grid(axis="y")
        _draw_counts(bottom, classes)
        label_classes(bottom, classes, MAX_NAMES)
        top.tick_params(axis="x", length=0, labelbottom=False)
    return figure


def _draw_accuracies(axes: Any, values: np.ndarray, colors: list[str]) -> None:
    draw_class_values(
        axes, values, colors, loc="upper right", bbox_to_anchor=(1, 0.93)
    )
    if len(values) <= MAX_BARS:
        missing = np.flatnonzero(np.isnan(values))
        axes.plot(missing, np.full(len(missing), 2), "x", color="#777777", ms=5)


def _draw_group_means(axes: Any, card: ReportCard) -> None:
    texts = {}
    for name, (begin, end) in group_spans(card.classes).items():
        accuracy = card.groups[name].accuracy
        if accuracy is None:
            continue
        ends = (begin - 0.5, end - 0.5)
        axes.plot(ends, [100 * accuracy] * 2, color=COLORS[name], lw=2.5)
        texts[name] = f"{name} {100 * accuracy:.1f} %"
    label_groups(axes, card.classes, texts, height=104 / 112)


def _draw_counts(axes: Any, classes: ClassTable) -> None:
    counts = np.asarray(classes.counts)[classes.order]
    # Where nothing was seen, a logarithm has no place.
    axes.fill_between(
        np.arange(-0.5, len(counts)),
        np.append(np.maximum(counts, 0.5), max(counts[-1], 0.5)),
        0.5,
        step="post",
        color=FAINT,
    )
    axes.set_yscale("log")
    axes.set_ylim(0.5, 2 * counts[0])
    axes.minorticks_off()
    axes.set_ylabel("training\nimages")
    ticks = [int(counts[0])]
    for threshold in (classes.many, classes.few):
        if 1 <= threshold < counts[0]:
            axes.axhline(threshold, color="#777777", lw=0.8, ls=":")
            # Closer numbers would be written over each other.
            ticks += [threshold] if threshold < ticks[-1] / 3 else []
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
