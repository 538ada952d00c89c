"""What the tail gains against what the head loses."""

from collections.abc import Mapping
from typing import Any

from keras_lt.posthoc import TauSweep
from keras_lt.report.plots.canvas import INK
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas
from keras_lt.report.report_card import ReportCard

# Of Okabe and Ito, without the colours that stand for groups.
_COLORS = ("#CC79A7", "#56B4E9", "#E69F00", "#333333", "#A6761D", "#7570B3")
_MARKERS = ("D", "^", "v", "P", "X", "*")
_AXES = {
    "accuracy": "all images",
    "balanced_accuracy": "mean of classes",
}
_LABELLED_STEP = 0.5
_Points = list[tuple[float, float, float]]


def head_tail_curve(
    sweeps: Mapping[str, TauSweep],
    cards: Mapping[str, ReportCard] | None = None,
    *,
    chosen: Mapping[str, float] | None = None,
    x: str = "many",
    y: str = "few",
    title: str = "Head and tail",
) -> Figure:
    """Draws the accuracy of the few against that of the many, along `tau`.

    Each line is a method, from its smallest `tau`, a square, to its largest;
    the numbers stand at its ends and at multiples of 0.5. What lies further up
    and to the right is better for both; along a line, one is traded for the
    other. Draw examples on which nothing was chosen, and choose `tau` on
    others: what is best among the points is no honest score.

    Args:
        sweeps: What `posthoc.choose_tau` and its kin return, by the name of
            the method.
        cards: Reports of models without a `tau`, by name, each a point.
        chosen: The `tau` that was chosen elsewhere, by the name of the method,
            to mark with a ring.
        x: Score along the horizontal axis: `"many"`, `"medium"`, `"few"`,
            `"accuracy"` or `"balanced_accuracy"`.
        y: Score along the vertical axis.
        title: Stands above the plot.

    Raises:
        ValueError: If there is nothing to draw, a sweep or a report has no
            such score, or a chosen `tau` is not in its sweep.

    Example:

    >>> logits = np.array([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> sweep = keras_lt.posthoc.choose_tau(logits, [0, 1, 1], [500, 5])
    >>> figure = keras_lt.report.plots.head_tail_curve(
    ...     {"logit adjustment": sweep}
    ... )
    >>> figure.axes[0].get_ylabel()
    'few, accuracy %'
    """
    if not sweeps and not cards:
        raise ValueError(
            "`sweeps` or `cards` must hold something to draw. Received: "
            "neither. Pass what `posthoc.choose_tau` returns."
        )
    lines = {name: sweep.points(x, y) for name, sweep in sweeps.items()}
    places = {
        name: (_score(card, x), _score(card, y))
        for name, card in (cards or {}).items()
    }
    with canvas(6.4, 5.6, title) as figure:
        axes = figure.subplots()
        for row, (name, points) in enumerate(lines.items()):
            color = _COLORS[row % len(_COLORS)]
            _draw_line(axes, name, points, color)
            if name in (chosen or {}):
                _mark(axes, name, points, color, (chosen or {})[name])
        for row, (name, place) in enumerate(places.items()):
            marker = _MARKERS[row % len(_MARKERS)]
            axes.plot(*place, marker, color=INK, ms=8, ls="", label=name)
        axes.set_xlabel(f"{_AXES.get(x, x)}, accuracy %")
        axes.set_ylabel(f"{_AXES.get(y, y)}, accuracy %")
        axes.margins(0.1)
        axes.grid()
        axes.legend(loc="best")
    return figure


def _draw_line(axes: Any, name: str, points: _Points, color: str) -> None:
    places = {tau: (100 * x, 100 * y) for tau, x, y in points}
    axes.plot(
        *zip(*places.values(), strict=True),
        color=color,
        lw=1.6,
        marker="o",
        ms=3.5,
        label=name,
    )
    axes.plot(*places[points[0][0]], "s", color=color, ms=7)
    written: list[tuple[float, float]] = []
    for tau in _labelled(list(places)):
        if places[tau] in written:  # One text over another cannot be read.
            continue
        written.append(places[tau])
        axes.annotate(
            f"{tau:g}",
            places[tau],
            xytext=(6, 4),
            textcoords="offset points",
            color=color,
            fontsize=9,
        )


def _mark(
    axes: Any, name: str, points: _Points, color: str, chosen: float
) -> None:
    for tau, x, y in points:
        if abs(tau - chosen) < 1e-9:
            axes.plot(
                100 * x,
                100 * y,
                "o",
                ms=11,
                mfc="none",
                mec=color,
                mew=1.6,
                zorder=4,
            )
            return
    raise ValueError(
        "The chosen `tau` must be one of the sweep. Received: "
        f"{chosen} for {name!r}, which has {points[0][0]:g} to "
        f"{points[-1][0]:g}. Pass the same `taus` to both."
    )


def _labelled(taus: list[float]) -> list[float]:
    """Returns those that get a number, both ends among them."""
    ends = {taus[0], taus[-1]}
    steps = [tau / _LABELLED_STEP for tau in taus]
    return [
        tau
        for tau, step in zip(taus, steps, strict=True)
        if tau in ends or abs(step - round(step)) < 1e-9
    ]


def _score(card: ReportCard, name: str) -> float:
    value = card.scores.get(name)
    if value is None:
        raise ValueError(
            "Each report must have the scores of both axes. Received: "
            f"{card.name!r} without {name!r}. Choose another `x` or `y`."
        )
    return 100 * float(value)
