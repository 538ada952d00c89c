"""Tables for people, in Markdown."""

from collections.abc import Sequence


def percent(value: float | None, digits: int = 1) -> str:
    """Returns a share as a percentage, or a dash for None."""
    if value is None:
        return "-"
    # Adding 0 makes -0.0 a plain zero.
    return f"{round(100 * value, digits) + 0.0:.{digits}f}"


def interval_text(ends: Sequence[float] | None) -> str:
    """Returns the ends of an interval as percentages, or a dash for None."""
    if ends is None:
        return "-"
    return f"{percent(ends[0])} to {percent(ends[1])}"


def cell(text: str) -> str:
    """Returns text that cannot break a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table: names to the left, numbers to the right."""
    full = [list(map(cell, row)) for row in (head, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*full, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in (full[0], rule, *full[1:]):
        first = row[0].ljust(widths[0])
        rest = [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("| " + " | ".join([first, *rest]) + " |")
    return "\n".join(lines)
