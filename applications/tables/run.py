"""The runs that a table needs, in an order in which they can be made."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from applications.tables.cell import Cell
from applications.tables.row import Row
from applications.tables.row import Teacher

HELD_OUT = 20
"""Images of each class that thresholds and strengths are chosen on.

They are of those that the long-tailed subset leaves over, so that all runs
train on the whole subset.
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """Holds one training of a row.

    Args:
        row: The way of training.
        cell: The conditions.
        pair: The seed that it shares with runs of other rows.
        needs: Runs that have to be finished before: the one whose weights it
            starts from, or its teachers.
    """

    row: Row
    cell: Cell
    pair: int
    needs: tuple["Run", ...] = ()

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return self.pair + self.row.seed_offset

    @property
    def name(self) -> str:
        """What its folder and its file are called."""
        return f"{self.row.name}_{self.cell.code}_seed{self.seed}"

    @property
    def full_name(self) -> str:
        """Application and name: runs of two applications may be named alike."""
        return f"{self.cell.application}/{self.name}"

    def folder(self, runs_dir: pathlib.Path) -> pathlib.Path:
        """Returns its own folder among those of all runs."""
        return runs_dir / self.full_name

    def flags(self, runs_dir: pathlib.Path) -> dict[str, str]:
        """Returns the flags of `scripts/train.py`.

        Args:
            runs_dir: Where the folders of all runs are.
        """
        folders = [str(one.folder(runs_dir)) for one in self.needs]
        flags = {**self.cell.flags(), **self.row.flags}
        if self.row.initial is not None:
            flags["initial_run"] = folders[0]
        elif folders:
            flags["teacher_runs"] = ",".join(folders)
        if self.cell.holds_out:
            flags["validation_per_class"] = str(HELD_OUT)
        return {
            **flags,
            "seed": str(self.seed),
            "output_dir": str(self.folder(runs_dir)),
        }


def plan(
    rows: Mapping[str, Row],
    names: Iterable[str],
    cells: Sequence[Cell],
    seeds: Sequence[int],
) -> list[Run]:
    """Returns the runs of these rows and all that they need, each once.

    A run stands behind those that it needs. Rows that need images to choose on
    are left out where there are none. Seeds are the outer loop, so that
    a table that was stopped early has every row.

    Args:
        rows: All rows of the table, by name.
        names: Which of them to run.
        cells: The conditions.
        seeds: One run of each row for each.
    """
    found: dict[str, Run] = {}
    names = list(names)
    for seed in seeds:
        for cell in cells:
            for name in names:
                if cell.holds_out or not rows[name].needs_held_out:
                    _add(found, _run(rows, rows[name], cell, seed))
    return list(found.values())


def _run(rows: Mapping[str, Row], row: Row, cell: Cell, pair: int) -> Run:
    if row.has_fixed_members:
        pair = 0
    needs = []
    if row.initial is not None:
        needs.append(_run(rows, rows[row.initial], cell, pair))
    for teacher in row.teachers:
        needs.append(_teacher(rows, teacher, cell, pair))
    return Run(row, cell, pair, tuple(needs))


def _teacher(
    rows: Mapping[str, Row], teacher: Teacher, cell: Cell, pair: int
) -> Run:
    seed = pair if teacher.seed is None else teacher.seed
    if cell.augmentation == "plain":
        cell = dataclasses.replace(cell, augmentation=teacher.augmentation)
    return _run(rows, rows[teacher.row], cell, seed)


def _add(found: dict[str, Run], run: Run) -> None:
    for one in run.needs:
        _add(found, one)
    found.setdefault(run.full_name, run)
