"""A table of measurements as Markdown."""

from collections.abc import Callable

from applications.provenance import provenance
from applications.provenance import short_commit
from keras_lt.markdown import table


def page(rows: list[dict], text: Callable[[object], str] = str) -> str:
    """Returns the table, under a line that says what it was made with.

    Args:
        rows: What was measured; the first gives the names of columns.
        text: Makes the text of a value.
    """
    made = provenance()
    version = made["versions"].get(made["backend"], "")
    names = list(rows[0])
    cells = [[text(row[name]) for name in names] for row in rows]
    return (
        f"{made['backend']} {version} on {made['hardware']['cpu']}, "
        f"{made['date'][:10]}, commit {short_commit(made['commit'])}.\n\n"
        f"{table(names, cells)}\n"
    )
