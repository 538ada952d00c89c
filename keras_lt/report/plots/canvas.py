"""The look that all plots share."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_lt.report.class_table import ClassTable

Figure = Any
"""A `matplotlib.figure.Figure`; Matplotlib is imported when drawing."""

# Of Okabe and Ito: told apart with any colour vision, and in print.
COLORS = {
    "all": "#333333",
    "many": "#0072B2",
    "medium": "#009E73",
    "few": "#D55E00",
}

INK = "#222222"
FAINT = "#D5D8DC"

_SETTINGS: dict[Any, Any] = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E6E8EB",
    "text.color": INK,
    "text.parse_math": False,  # Names of classes may hold dollar signs.
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
}


@contextlib.contextmanager
def canvas(width: float, height: float, title: str = "") -> Iterator[Figure]:
    """Gives an empty figure, and the shared look while it is drawn on.

    Args:
        width: In inches.
        height: In inches.
        title: Stands above all that is drawn.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure as MatplotlibFigure
    except ImportError as error:
        raise ImportError(
            "Plots need Matplotlib, which is not installed. Run "
            '`pip install "keras-lt[report]"`, or save without plots: '
            "`card.save(folder, plots=False)`."
        ) from error
    with matplotlib.rc_context(_SETTINGS):
        figure = MatplotlibFigure(
            figsize=(width, height), layout="constrained", facecolor="white"
        )
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=14)
        yield figure


def group_spans(classes: ClassTable) -> dict[str, tuple[int, int]]:
    """Returns begin and end of each group along the sorted classes."""
    sizes = {name: len(labels) for name, labels in classes.groups.items()}
    ends = np.cumsum(list(sizes.values())).tolist()
    spans = zip(sizes, ends, strict=True)
    return {
        name: (end - sizes[name], end) for name, end in spans if sizes[name]
    }


def shade_groups(axes: Any, classes: ClassTable) -> None:
    """Tints the background by group, from left to right."""
    for name, (begin, end) in group_spans(classes).items():
        axes.axvspan(
            begin - 0.5, end - 0.5, color=COLORS[name], alpha=0.07, lw=0
        )


def label_groups(
    axes: Any, classes: ClassTable, texts: dict[str, str], height: float
) -> None:
    """Writes above each group, moved aside where a group is too narrow.

    Args:
        axes: Where to; as wide as the classes.
        classes: Whose groups.
        texts: What to write above each group.
        height: Where to, as a share of the height of the axes.
    """
    spans = group_spans(classes)
    names = [name for name in spans if name in texts]
    centres = [sum(spans[name]) / 2 / len(classes) for name in names]
    room = 0.015 * (max(map(len, texts.values()), default=0) + 1)
    for place in range(1, len(centres)):
        centres[place] = max(centres[place], centres[place - 1] + room)
    limit = 1 - room / 2
    for place in reversed(range(len(centres))):
        centres[place] = min(centres[place], limit)
        limit = centres[place] - room
    for place, name in enumerate(names):
        axes.text(
            max(centres[place], (place + 0.5) * room),
            height,
            texts[name],
            ha="center",
            color=COLORS[name],
            fontweight="bold",
            transform=axes.transAxes,
        )


def sorted_colors(classes: ClassTable) -> list[str]:
    """Returns the colour of each class's group, along the sorted classes."""
    names = list(classes.groups)
    places = classes.group_of[classes.order].tolist()
    return [COLORS[names[place]] for place in places]


def label_classes(axes: Any, classes: ClassTable, limit: int) -> None:
    """Writes the names of the classes, or only how many there are."""
    size = len(classes)
    axes.set_xlim(-0.5, size - 0.5)
    if size <= limit:
        names = [shorten(classes.names[label]) for label in classes.order]
        long = max(map(len, names)) > 3
        axes.set_xticks(
            range(size),
            names,
            rotation=45 if long else 0,
            ha="right" if long else "center",
            rotation_mode="anchor",
        )
        return
    axes.set_xlabel(f"{size:,} classes, most to least training images")


def shorten(name: str, length: int = 16) -> str:
    """Returns a name that fits under an axis."""
    name = " ".join(name.split())
    return name if len(name) <= length else name[: length - 1] + "…"


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Returns the mean of the known values around each; shorter at the ends."""
    known = np.isfinite(values)
    kernel = np.ones(window)
    total = np.convolve(np.where(known, values, 0.0), kernel, "same")
    number = np.convolve(known.astype("float64"), kernel, "same")
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
