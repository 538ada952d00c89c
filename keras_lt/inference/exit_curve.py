"""Accuracy and work along the thresholds."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.file_writing import write_files
from keras_lt.inference.exit_curve_tables import curve_to_markdown
from keras_lt.inference.exit_outcomes import ExitOutcomes
from keras_lt.inference.exit_scores import ExitScores
from keras_lt.inference.operating_point import OperatingPoint

FORMAT = "keras_lt.exit_curve/1"
"""Marks the files, with a number that grows when older readers would fail."""

THRESHOLDS = (
    *(0.0, 0.1, 0.15, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0),
)
"""Those of Shallow-Deep Networks, and the ends."""


@dataclasses.dataclass(frozen=True, eq=False)
class ExitCurve:
    """Holds how accuracy and work move together as exits become easier.

    Work is mostly saved on the frequent classes, so a curve over all examples
    can hide what the rare ones lose: each point has every group.

    Made by `ExitOutcomes.curve`; drawn by `report.plots.accuracy_by_work`.

    Args:
        points: What each of the thresholds gives, in their order.
        exits: What it gives if all leave at one exit: at the first, and so on.
            The last is the answer at full depth.
        oracle: What it gives if each example leaves at the first exit that is
            right, or at the last if none is: the bound for any score.
        costs: Work of an example that leaves at each exit.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Example:

    >>> logits = 4 * np.eye(2)[[[0, 0], [1, 1], [0, 1]]]  # Three images.
    >>> outcomes = keras_lt.inference.ExitOutcomes.from_logits(
    ...     logits, [0, 1, 1], costs=[0.4, 1.0], class_counts=[500, 5]
    ... )
    >>> curve = outcomes.curve([0.5, 1.0])
    >>> [(round(p.cost, 4), round(p.accuracy, 4)) for p in curve.points]
    [(0.4, 0.6667), (1.0, 1.0)]

    Reference:

    - [Kaya et al., 2019](https://arxiv.org/abs/1810.07052), the thresholds.
    """

    points: tuple[OperatingPoint, ...]
    exits: tuple[OperatingPoint, ...]
    oracle: OperatingPoint
    costs: tuple[float, ...]
    many: int = 100
    few: int = 20

    def __str__(self) -> str:
        return self.to_markdown()

    @property
    def full(self) -> OperatingPoint:
        """The answer at full depth."""
        return self.exits[-1]

    def to_markdown(self) -> str:
        """Returns accuracy, work and exits along the thresholds, as tables."""
        return curve_to_markdown(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns all values, as JSON can hold them."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    def to_json(self) -> str:
        """Returns all values as JSON."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes `exit_curve.json` and `exit_curve.md`, both or none.

        Args:
            folder: Where to; made if it is not there.
        """
        texts = {
            "exit_curve.md": "# Accuracy and work\n\n" + self.to_markdown(),
            "exit_curve.json": self.to_json(),
        }

        def write(to: pathlib.Path) -> None:
            for name, text in texts.items():
                (to / name).write_text(text, encoding="utf-8")

        write_files(folder, write)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ExitCurve:
        """Reads a curve that was saved.

        Args:
            path: The folder that it was saved to, or its JSON file.
        """
        file = pathlib.Path(path)
        file = file / "exit_curve.json" if file.is_dir() else file
        try:
            return _from_dict(json.loads(file.read_text(encoding="utf-8")))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "The file must be a curve that `ExitCurve.save` wrote, of "
                f"format {FORMAT!r}. Received: {str(file)!r}, which does not "
                f"read: {error!r}. Save the curve again."
            ) from error


def trace(
    outcomes: ExitOutcomes,
    thresholds: Sequence[float] | Sequence[Sequence[float]] | None = None,
) -> ExitCurve:
    """Makes the curve of some outcomes; see `ExitOutcomes.curve`."""
    tried = THRESHOLDS if thresholds is None else thresholds
    if not len(tried):
        raise ValueError(
            "`thresholds` must hold one value or more. Received: none. Leave "
            "it out for a list from 0 to 1."
        )
    size, number = outcomes.predictions.shape
    # Without exits before the last, all thresholds give the same.
    points = [outcomes.at(one) for one in (tried if number > 1 else [1.0])]
    right = outcomes.correct
    first = np.where(right.any(axis=1), right.argmax(axis=1) + 1, number)
    return ExitCurve(
        points=tuple(points),
        exits=tuple(
            outcomes.leaving_at(np.full(size, k + 1)) for k in range(number)
        ),
        oracle=outcomes.leaving_at(first),
        costs=tuple(outcomes.costs.tolist()),
        many=outcomes.many,
        few=outcomes.few,
    )


def _from_dict(values: dict[str, Any]) -> ExitCurve:
    if values["format"] != FORMAT:
        raise ValueError(f"it is of format {values['format']!r}")
    return ExitCurve(
        points=tuple(map(_point, values["points"])),
        exits=tuple(map(_point, values["exits"])),
        oracle=_point(values["oracle"]),
        costs=tuple(values["costs"]),
        many=values["many"],
        few=values["few"],
    )


def _point(values: dict[str, Any]) -> OperatingPoint:
    given = values["thresholds"]
    return OperatingPoint(
        thresholds=None if given is None else tuple(given),
        scores={
            mix: None if scores is None else _scores(scores)
            for mix, scores in values["scores"].items()
        },
    )


def _scores(values: dict[str, Any]) -> ExitScores:
    return ExitScores(**{**values, "exit_shares": tuple(values["exit_shares"])})
