"""Reads the result of a run that was kept."""

import functools
import json
import pathlib
from typing import Any

import numpy as np

from applications.predictions import labels_in_order
from applications.predictions import unpack
from applications.tables.cell import Cell


class KeptRun:
    """Gives the numbers of a run that its file holds.

    Args:
        path: The file.
        record: What it holds.

    Attributes:
        row: Name of the row that it is a run of.
        seed: Seed of the training.
    """

    def __init__(self, path: pathlib.Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record
        self.row: str = record["row"]
        self.seed: int = record["seed"]

    @classmethod
    def read(cls, path: pathlib.Path) -> "KeptRun":
        """Reads a file.

        Raises:
            ValueError: If it is not the result of a run of a table.
        """
        try:
            return cls(path, json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, ValueError) as error:
            raise ValueError(
                "A kept result must be JSON with `row` and `seed`. Received: "
                f"{str(path)!r} ({error!r}). Take it out of the folder, or "
                "let `scripts/reproduce.py` write it anew."
            ) from error

    @property
    def failure(self) -> str | None:
        """Why the run failed; None if it did not."""
        return self.record.get("failed")

    @property
    def name(self) -> str:
        """Application and name of the run: runs of two may be named alike."""
        return f"{self.cell.application}/{self.path.stem}"

    @functools.cached_property
    def cell(self) -> Cell:
        """The conditions of the run."""
        if self.failure is None:
            return Cell.of(self.record)
        flags = self.record["flags"]
        epochs = flags.get("epochs")
        return Cell(
            application=flags["application"],
            imbalance_factor=float(flags["imbalance_factor"]),
            profile=flags["profile"],
            augmentation=flags["augmentation"],
            schedule=flags["schedule"],
            epochs=None if epochs is None else int(epochs),
        )

    @property
    def class_counts(self) -> list[int]:
        """Number of training images of each class."""
        return self.record["class_counts"]

    @property
    def work_saved(self) -> float | None:
        """Share of the work that was not done; None without exits."""
        exits = self.record.get("exits")
        return None if exits is None else exits["saved"]

    def scores(self, kind: str) -> dict[str, float | None] | None:
        """Returns the scores of a kind of answers, if the run has it."""
        return self.record["scores"].get(kind)

    def score(self, kind: str, name: str) -> float | None:
        """Returns one of these scores, if the run has it."""
        return (self.scores(kind) or {}).get(name)

    def correct(self, kind: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns which test images were recognised, `(n,)`, by label.

        Args:
            kind: Of the answers.

        Returns:
            Whether each image was recognised, and the labels; None if the file
            does not hold the answers.
        """
        packed = self.record.get("predictions", {}).get(kind)
        if packed is None:
            return None
        labels = labels_in_order(np.array(self.record["class_supports"]))
        return unpack(packed) == labels, labels


def read_all(results_dir: pathlib.Path) -> list[KeptRun]:
    """Returns the kept runs of all applications, in the order of names."""
    paths = sorted(results_dir.glob("cifar*_lt/results/*.json"))
    return [KeptRun.read(path) for path in paths]
