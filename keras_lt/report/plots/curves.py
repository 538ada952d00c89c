"""Training, epoch by epoch."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.counts import GROUPS
from keras_lt.report.plots.canvas import COLORS
from keras_lt.report.plots.canvas import Figure
from keras_lt.report.plots.canvas import canvas

History = Mapping[str, Sequence[float | None]]

PANELS = {
    "loss": ("loss",),
    "accuracy %": (
        "accuracy",
        "sparse_categorical_accuracy",
        "categorical_accuracy",
        "balanced_accuracy",
    ),
    "accuracy of groups %": GROUPS,
}
"""What is drawn together, from left to right."""


def has_curves(history: History) -> bool:
    """Tells whether there is anything in a history that would be drawn.

    Args:
        history: Values of each epoch by name.

    Example:

    >>> keras_lt.report.plots.has_curves({"learning_rate": [0.1, 0.01]})
    False
    """
    return bool(_panels(history))


def training_curves(history: History, title: str = "Training") -> Figure:
    """Draws loss, accuracy and the accuracy of groups over the epochs.

    Dashed lines are of the training images, solid ones of the validation
    images. What is not in the history is left out.

    Args:
        history: Values of each epoch by name, as in `History.history`.
        title: Stands above the plot.

    Raises:
        ValueError: If there is nothing to draw.

    Example:

    >>> history = {"loss": [1.2, 0.9], "val_loss": [1.3, 1.1]}
    >>> figure = keras_lt.report.plots.training_curves(history)
    >>> figure.axes[0].get_title(loc="left")
    'loss'
    """
    panels = _panels(history)
    if not panels:
        raise ValueError(
            "`history` must hold values under 'loss', 'accuracy', 'many' or "
            f"their like. Received: {sorted(history)}. Pass the `history` "
            "attribute of what `fit` returns."
        )
    with canvas(4.2 * len(panels) + 0.4, 3.9, title) as figure:
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (panel, keys) in zip(row, panels.items(), strict=True):
            _draw(axes, panel, keys, history)
        figure.supxlabel("epoch", fontsize=11)
    return figure


def _panels(history: History) -> dict[str, list[str]]:
    """Returns the keys of each panel that has any."""
    panels = {}
    for panel, names in PANELS.items():
        keys = [p + n for n in names for p in ("", "val_") if p + n in history]
        keys = [key for key in keys if len(history[key])]
        if keys:
            panels[panel] = keys
    return panels


def _draw(axes: Any, panel: str, keys: list[str], history: History) -> None:
    for key in keys:
        name = key.removeprefix("val_")
        values = np.array(
            [np.nan if v is None else v for v in history[key]], dtype="float64"
        )
        if panel != "loss":
            values = 100 * values
        validation = key.startswith("val_")
        color = COLORS.get(name, COLORS["all"])
        if name == "balanced_accuracy":
            color = COLORS["many"]
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=color,
            ls="-" if validation else (0, (4, 2)),
            lw=2 if validation else 1.3,
            marker="o" if len(values) == 1 else None,
            label=_label(name, validation, history),
        )
    if panel != "loss":
        axes.set_ylim(0, 100)
    axes.set_title(panel)
    axes.grid(axis="y")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=9, loc="best")


def _label(name: str, validation: bool, history: History) -> str:
    kind = "validation" if validation else "training"
    if name == "balanced_accuracy":
        return f"{kind}, mean of classes"
    if name not in GROUPS:
        return kind
    # One entry for a group: the panels beside it tell dashed from solid.
    twice = not validation and f"val_{name}" in history
    return f"_{name}" if twice else name
