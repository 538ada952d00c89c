"""Keeps reports as files, and reads them again."""

import base64
import binascii
import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from keras_lt.file_writing import write_files
from keras_lt.report.class_table import ClassTable
from keras_lt.report.markdown import card_to_markdown
from keras_lt.report.outcomes import Outcomes
from keras_lt.report.report_card import ReportCard

FORMAT = "keras_lt.report/1"
"""Marks the files, with a number that grows when older readers would fail."""

_DTYPES = {
    "labels": "<i4",
    "predictions": "<i4",
    "confidences": "<f4",
    "losses": "<f4",
    "in_top_5": "|u1",
}


def load(path: str | os.PathLike[str]) -> ReportCard:
    """Reads a report that was saved.

    Args:
        path: The folder that it was saved to, or its JSON file.

    Raises:
        ValueError: If the file is not a report, or is damaged.
        FileNotFoundError: If there is no such file.

    Example:

    >>> import tempfile
    >>> card = keras_lt.report.from_logits(np.eye(2) * 3, [0, 1], [500, 5])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     card.save(folder, plots=False)
    ...     keras_lt.report.load(folder).accuracy
    1.0
    """
    file = pathlib.Path(path)
    if file.is_dir():
        file = file / "report.json"
    try:
        return card_from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ValueError(
            f"The file must be a report that `ReportCard.save` wrote, of "
            f"format {FORMAT!r}. Received: {str(file)!r}, which does not read: "
            f"{error}. Save the report again."
        ) from error


def card_to_dict(card: ReportCard) -> dict[str, Any]:
    """Returns all results as plain values, and the examples in base64."""
    classes = card.classes
    label, predicted, count = card.confusions.T.tolist()
    return {
        "format": FORMAT,
        "name": card.name,
        "meta": dict(card.meta),
        "scores": card.scores,
        "intervals": {
            name: None if ends is None else list(ends)
            for name, ends in card.intervals.items()
        },
        "top_5": card.top_5,
        "negative_log_likelihood": card.negative_log_likelihood,
        "calibration_error": card.calibration_error,
        "worst_class": card.worst_class,
        "groups": _as_dicts(card.groups),
        "group_confusions": card.group_confusions,
        "top_confusions": [
            dataclasses.asdict(c) for c in card.top_confusions()
        ],
        "classes": {
            "many": classes.many,
            "few": classes.few,
            "names": list(classes.names),
            "counts": list(classes.counts),
            "supports": card.class_supports,
            "accuracies": card.class_accuracies,
        },
        "reliability": _as_dicts(card.reliability),
        "confusions": {"label": label, "predicted": predicted, "count": count},
        "history": {key: list(row) for key, row in card.history.items()},
        "examples": _pack(card.outcomes),
    }


def card_from_dict(values: dict[str, Any]) -> ReportCard:
    """Returns the card; what follows from the examples is computed anew."""
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ValueError("it does not hold the mark of the format")
    table = values["classes"]
    classes = ClassTable(
        names=tuple(table["names"]),
        counts=tuple(table["counts"]),
        many=table["many"],
        few=table["few"],
    )
    intervals = {
        name: None if ends is None else (ends[0], ends[1])
        for name, ends in values["intervals"].items()
    }
    return ReportCard(
        name=values["name"],
        classes=classes,
        outcomes=_unpack(values["examples"], len(classes)),
        intervals=intervals,
        history=values["history"],
        meta=values["meta"],
    )


def save_card(
    card: ReportCard, folder: str | os.PathLike[str], with_plots: bool
) -> None:
    """Writes JSON, Markdown and plots; see `ReportCard.save`."""
    figures = _draw(card) if with_plots else {}

    def write(to: pathlib.Path) -> None:
        for name, (figure, _) in figures.items():
            figure.savefig(to / name, dpi=150)
        captions = {name: caption for name, (_, caption) in figures.items()}
        text = card_to_markdown(card, captions)
        (to / "report.md").write_text(text, encoding="utf-8")
        (to / "report.json").write_text(card.to_json(), encoding="utf-8")

    write_files(folder, write)


def _draw(card: ReportCard) -> dict[str, tuple[Any, str]]:
    """Returns each figure and what it shows, by file name."""
    # Imported here, as the plots read cards and compare them.
    from keras_lt.report import plots

    figures = {
        "accuracy_along_tail.png": (
            plots.accuracy_along_tail(card),
            "Accuracy of each class, from the most to the least frequent",
        ),
        "confusion_matrix.png": (
            plots.confusion_matrix(card),
            "Which classes are taken for which",
        ),
        "reliability.png": (
            plots.reliability_diagram(card),
            "Accuracy at each confidence",
        ),
    }
    if plots.has_curves(card.history):
        figures["training_curves.png"] = (
            plots.training_curves(card.history, f"{card.name}: training"),
            "Training, epoch by epoch",
        )
    if plots.has_centroid_curves(card.history):
        figures["centroids.png"] = (
            plots.centroid_curves(card.history, f"{card.name}: centroids"),
            "Centroids of the robustness objective, epoch by epoch",
        )
    return figures


def _as_dicts(parts: Any) -> dict[str, Any]:
    return {name: dataclasses.asdict(part) for name, part in parts.items()}


def _pack(outcomes: Outcomes) -> dict[str, Any]:
    packed: dict[str, Any] = {"number": len(outcomes), "encoding": "base64"}
    for name, dtype in _DTYPES.items():
        values = getattr(outcomes, name)
        if name == "in_top_5":
            values = np.packbits(values)
        data = base64.b64encode(values.astype(dtype).tobytes())
        packed[name] = {"dtype": dtype, "data": data.decode("ascii")}
    return packed


def _unpack(packed: dict[str, Any], num_classes: int) -> Outcomes:
    number = packed["number"]
    columns = {}
    for name, dtype in _DTYPES.items():
        data = base64.b64decode(packed[name]["data"], validate=True)
        values = np.frombuffer(data, dtype)
        if name == "in_top_5":
            values = np.unpackbits(values, count=number).astype(bool)
        if len(values) != number or not number:
            raise ValueError(f"`{name}` does not hold {number} examples")
        columns[name] = values
    for name in ("labels", "predictions"):
        if columns[name].min() < 0 or columns[name].max() >= num_classes:
            raise ValueError(f"`{name}` are not of {num_classes} classes")
    return Outcomes(**columns)
