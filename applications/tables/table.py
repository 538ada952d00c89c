"""A table, as data."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

from applications.tables.row import Line
from applications.tables.row import Row

LineName = tuple[str, str]
"""Name of a row, and kind of its answers."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Holds what a table compares.

    Args:
        rows: The rows, in the order in which they are shown.
        groups: Names of rows that are run together, by the name of the group;
            those of `core` first.
        baseline: The line that each other one is compared with.
        questions: Pairs of lines, `(first, second)`: is the first better?
    """

    rows: Sequence[Row]
    groups: Mapping[str, Sequence[str]]
    baseline: LineName
    questions: Sequence[tuple[LineName, LineName]]

    @property
    def by_name(self) -> dict[str, Row]:
        """The rows by their names."""
        return {row.name: row for row in self.rows}

    def label(self, name: LineName) -> str:
        """Returns what a line is called."""
        line = self.by_name[name[0]].line(name[1])
        return name[0] if line is None else line.label

    def lines(self) -> Mapping[LineName, Line]:
        """Returns all lines, in the order in which they are shown."""
        return {
            (row.name, line.kind): line
            for row in self.rows
            for line in row.lines
        }

    def choose(self, words: Sequence[str]) -> list[str]:
        """Returns the names of rows: of groups, of `all`, or themselves.

        Raises:
            ValueError: If there is no such row.
        """
        names: list[str] = []
        for word in words:
            if word in self.groups:
                names += self.groups[word]
            elif word == "all":
                names += [row.name for row in self.rows]
            elif word in self.by_name:
                names.append(word)
            else:
                raise ValueError(
                    f"A row must be one of {', '.join(self.by_name)}, or "
                    f"{', '.join(self.groups)} or all. Received: {word!r}."
                )
        return list(dict.fromkeys(names))
