"""Which classes are taken for which."""

from typing import Any

import numpy as np

from keras_lt.report.class_table import ClassTable
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import INK
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.plots.canvas import group_spans
from keras_lt.report.plots.canvas import label_groups
from keras_lt.report.plots.canvas import shorten
from keras_lt.report.report_card import ReportCard

MAX_CELLS = 100
"""With more classes, neighbours along the tail share a cell."""

MAX_NUMBERS = 20
"""Numbers and names are written up to this number of classes."""


def confusion_matrix(card: ReportCard) -> Figure:
    """Draws the share of each class that is taken for each class.

    Classes run from the most to the least frequent in training, so what lies
    to the left of the diagonal was taken for something more frequent. With
    more than 100 classes, neighbours share a cell.

    Args:
        card: The report.

    Example:

    >>> from keras_lt import report
    >>> card = report.from_logits(np.eye(3) * 4, [0, 1, 2], [500, 50, 5])
    >>> figure = report.plots.confusion_matrix(card)
    >>> figure.axes[0].get_ylabel()
    'true class'
    """
    classes = card.classes
    shares = confusion_shares(card)
    size = len(shares)
    with canvas(8.4, 7.4) as figure:
        axes = figure.subplots()
        image = _draw_shares(axes, 100 * shares)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
        bar.set_ticks([0, 1, 5, 20, 50, 100])
        bar.set_label("% of the true class")
        bar.outline.set_visible(False)
        _draw_groups(axes, classes, size / len(classes))
        pad = 0 if len(classes) <= MAX_NUMBERS else 14
        shared = f", {len(classes) / size:.3g} to a cell"
        note = shared if len(classes) > size else ""
        axes.set_xlabel(f"predicted class{note}", labelpad=pad)
        axes.set_ylabel(f"true class{note}", labelpad=pad)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=12)
        if len(classes) <= MAX_NUMBERS:
            _write_numbers(axes, shares, classes)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
        axes.set_title(_title(card), fontsize=13, pad=24)
    return figure


def confusion_shares(card: ReportCard) -> np.ndarray:
    """Returns the matrix that is drawn; NaN in rows without test examples."""
    size = min(len(card.classes), MAX_CELLS)
    cell_of = np.empty(len(card.classes), dtype="int64")
    cell_of[card.classes.order] = (
        np.arange(len(card.classes)) * size // len(card.classes)
    )
    label, predicted, count = card.confusions.T
    table = np.zeros((size, size))
    np.add.at(table, (cell_of[label], cell_of[predicted]), count)
    total = table.sum(axis=1, keepdims=True)
    return np.where(total > 0, table / np.maximum(total, 1), np.nan)


def _title(card: ReportCard) -> str:
    label, predicted, count = card.confusions.T
    counts = np.asarray(card.classes.counts)
    wrong = label != predicted
    errors = int(count[wrong].sum())
    if not errors:
        return f"{card.name}: no errors"
    to_head = int(count[wrong & (counts[predicted] > counts[label])].sum())
    return (
        f"{card.name}: {100 * to_head / errors:.0f} % of the errors go to "
        "a more frequent class"
    )


def _draw_shares(axes: Any, values: np.ndarray) -> Any:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.colors import PowerNorm

    colors = LinearSegmentedColormap.from_list(
        "shares", ["#FFFFFF", "#BFD7EA", "#5B9BC8", "#0B4F86", "#06233F"]
    )
    axes.set_facecolor("#EEEEEE")  # Seen where a class has no test images.
    # The square root makes room for small shares: a row has 100 % in all.
    return axes.imshow(values, cmap=colors, norm=PowerNorm(0.5, 0, 100))


def _draw_groups(axes: Any, classes: ClassTable, scale: float) -> None:
    """Colours the edges by group, and parts them by thin lines."""
    last = len(classes) * scale - 0.5
    for name, (begin, end) in group_spans(classes).items():
        low, high = begin * scale - 0.5, end * scale - 0.5
        for x, y, a, b in (
            ((low, high), (-0.01, -0.01), "data", "axes"),
            ((-0.01, -0.01), (low, high), "axes", "data"),
        ):
            axes.plot(
                x,
                y,
                color=COLORS[name],
                lw=5,
                solid_capstyle="butt",
                clip_on=False,
                transform=_transform(axes, a, b),
            )
        if high < last:
            axes.axhline(high, color=INK, lw=0.7, alpha=0.6)
            axes.axvline(high, color=INK, lw=0.7, alpha=0.6)
    texts = {name: name for name in classes.groups}
    label_groups(axes, classes, texts, height=1.015)


def _transform(axes: Any, x: str, y: str) -> Any:
    from matplotlib.transforms import blended_transform_factory

    kinds = {"data": axes.transData, "axes": axes.transAxes}
    return blended_transform_factory(kinds[x], kinds[y])


def _write_numbers(axes: Any, shares: np.ndarray, classes: ClassTable) -> None:
    names = [shorten(classes.names[label]) for label in classes.order]
    long = max(map(len, names)) > 3
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=45 if long else 0,
        ha="right" if long else "center",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(names)), names)
    size = 10 if len(names) <= 12 else 8
    for (row, column), share in np.ndenumerate(shares):
        if np.isnan(share) or round(100 * share) < 1:
            continue
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if share > 0.25 else INK,
        )
