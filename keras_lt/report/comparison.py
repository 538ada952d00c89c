"""Runs side by side."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_lt.file_writing import write_files
from keras_lt.markdown import percent
from keras_lt.markdown import table
from keras_lt.report.difference import Difference
from keras_lt.report.report_card import ReportCard

_TITLES = {
    "accuracy": "accuracy %",
    "balanced_accuracy": "mean of classes %",
    "many": "many %",
    "medium": "medium %",
    "few": "few %",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Holds runs on the same test examples, each against the first of them.

    Made by `report.compare`.

    Args:
        cards: The report of each run, by name.
        differences: Of each run but the first, the difference of each score;
            None where no class has test examples.

    Example:

    >>> from keras_lt import report
    >>> logits, labels, counts = np.eye(2) * 3, [0, 1, 1], [500, 5]
    >>> a = report.from_logits(logits[[0, 0, 0]], labels, counts)
    >>> b = report.from_logits(logits[[0, 1, 1]], labels, counts)
    >>> both = report.compare({"plain": a, "balanced": b})
    >>> both.differences["balanced"]["few"].value
    1.0
    """

    cards: Mapping[str, ReportCard]
    differences: Mapping[str, Mapping[str, Difference | None]]

    def __str__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """Returns the scores of the runs, and their differences, as tables."""
        head = ["run", *_TITLES.values(), "calibration error %", "NLL"]
        rows = [
            [
                name,
                *(percent(card.scores[score]) for score in _TITLES),
                percent(card.calibration_error),
                f"{card.negative_log_likelihood:.3f}",
            ]
            for name, card in self.cards.items()
        ]
        first = next(iter(self.cards))
        changes = [
            [name, *(_text(found[score]) for score in _TITLES)]
            for name, found in self.differences.items()
        ]
        titles = [title.removesuffix(" %") for title in _TITLES.values()]
        note = (
            "Points, with the 95 % interval of a paired bootstrap over the "
            "test images. A star marks an interval that leaves zero out. It "
            "is about these trained models; another seed differs by more."
        )
        parts = [
            table(head, rows),
            table([f"less {first}", *titles], changes),
            note,
        ]
        return "\n\n".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Returns scores and differences as plain values."""
        return {
            "scores": {name: c.scores for name, c in self.cards.items()},
            "differences": {
                name: {
                    score: None if d is None else dataclasses.asdict(d)
                    for score, d in found.items()
                }
                for name, found in self.differences.items()
            },
        }

    def save(self, folder: str | os.PathLike[str], plots: bool = True) -> None:
        """Writes `comparison.json`, `comparison.md` and a plot for each run.

        Args:
            folder: Where to; made if it is not there.
            plots: Whether to draw. Needs `pip install "keras-lt[report]"`.
        """
        figures = self._draw() if plots else []

        def write(to: pathlib.Path) -> None:
            text = "# Comparison of runs\n\n" + self.to_markdown()
            for number, figure in enumerate(figures, start=1):
                file = f"differences_{number}.png"
                figure.savefig(to / file, dpi=150)
                text += f"\n![Difference of each class]({file})\n"
            (to / "comparison.md").write_text(text, encoding="utf-8")
            values = json.dumps(self.to_dict(), indent=1, allow_nan=False)
            (to / "comparison.json").write_text(values, encoding="utf-8")

        write_files(folder, write)

    def _draw(self) -> list[Any]:
        from keras_lt.report import plots

        (name, first), *others = self.cards.items()
        return [
            plots.class_differences(first, card, names=(name, other))
            for other, card in others
        ]


def _text(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    ends = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    star = "*" if difference.is_clear else ""
    return f"{100 * difference.value:+.1f}{star} ({ends})"
