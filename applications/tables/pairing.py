"""Puts kept runs into cells and lines, and pairs them by seed."""

from collections.abc import Mapping
from collections.abc import Sequence

from applications.tables.cell import Cell
from applications.tables.difference import Difference
from applications.tables.difference import difference
from applications.tables.kept_run import KeptRun
from applications.tables.table import LineName
from applications.tables.table import Table


class CellRuns:
    """Holds the finished runs of one cell.

    Args:
        table: The table that they are of.
        cell: The conditions that they share.
        runs: The runs; those of other cells, rows and failed ones are passed
            over.
    """

    def __init__(
        self, table: Table, cell: Cell, runs: Sequence[KeptRun]
    ) -> None:
        self.table = table
        self.cell = cell
        self._by_row: dict[str, dict[int, KeptRun]] = {}
        for run in runs:
            row = table.by_name.get(run.row)
            if row is None or run.failure is not None or run.cell != cell:
                continue
            pair = run.seed - row.seed_offset
            self._by_row.setdefault(run.row, {})[pair] = run

    def runs(self, row: str) -> Mapping[int, KeptRun]:
        """Returns the runs of a row by the seed of their pair."""
        return self._by_row.get(row, {})

    def lines(self) -> list[LineName]:
        """Returns the lines that have a run, in the order of the table."""
        return [
            (row, kind)
            for row, kind in self.table.lines()
            if any(one.scores(kind) for one in self.runs(row).values())
        ]

    def scores(self, line: LineName, score: str) -> list[float | None]:
        """Returns a score of each run of a line."""
        row, kind = line
        found = [run.scores(kind) for run in self.runs(row).values()]
        return [one[score] for one in found if one is not None]

    def difference(
        self, first: LineName, second: LineName, score: str = "accuracy"
    ) -> Difference | None:
        """Returns the first line less the second, over their pairs."""
        ours, theirs = self.runs(first[0]), self.runs(second[0])
        pairs = sorted(set(ours) & set(theirs))
        return difference(
            [ours[pair] for pair in pairs],
            [theirs[pair] for pair in pairs],
            (first[1], second[1]),
            score,
        )


def by_cell(table: Table, runs: Sequence[KeptRun]) -> list[CellRuns]:
    """Returns the cells that have a finished run of the table, in order."""
    cells = {run.cell for run in runs if run.failure is None}
    order = sorted(cells, key=lambda cell: (_place(cell), cell.code))
    found = [CellRuns(table, cell, runs) for cell in order]
    return [one for one in found if one.lines()]


def _place(cell: Cell) -> tuple[bool, bool, float, str]:
    """CIFAR-100 comes first, and of it the strongest imbalance."""
    return (
        cell.application != "cifar100_lt",
        cell.profile != "exponential",
        -cell.imbalance_factor,
        cell.augmentation,
    )
