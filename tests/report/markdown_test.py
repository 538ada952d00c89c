"""The tables of a report, cell by cell."""

import numpy as np

from keras_lt import report
from keras_lt.markdown import cell
from keras_lt.markdown import table
from tests.report.cards import card


def cells(text, row):
    """Cells of the first row that starts with `row`."""
    line = next(x for x in text.splitlines() if x.startswith(f"| {row} "))
    return [part.strip() for part in line.strip("|").split("|")]


def test_scores():
    found = card()
    text = found.to_markdown()
    few = found.groups["few"]
    low, high = few.interval
    assert cells(text, "few") == [
        "few",
        "2",
        f"{few.num_examples}",
        f"{100 * few.accuracy:.1f}",
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{100 * few.calibration_error:.1f}",
        f"{few.negative_log_likelihood:.3f}",
    ]
    assert cells(text, "all images")[3] == f"{100 * found.accuracy:.1f}"
    assert cells(text, "all images")[6] == (
        f"{found.negative_log_likelihood:.3f}"
    )
    mean = f"{100 * found.balanced_accuracy:.1f}"
    assert cells(text, "mean of classes")[3] == mean


def test_intervals_without_width_are_explained():
    labels = [0, 0, 1, 1, 2, 2]
    right = report.from_logits(4 * np.eye(3)[labels], labels, [300, 50, 3])
    assert right.groups["few"].interval == (1.0, 1.0)
    assert "An interval without width" in right.to_markdown()
    assert "An interval without width" not in card().to_markdown()


def test_confusions_name_both_classes():
    found = card(class_names=list("abcdefgh"))
    first = found.top_confusions()[0]
    rare, frequent = "abcdefgh"[first.label], "abcdefgh"[first.predicted]
    counts = found.classes.counts
    row = cells(found.to_markdown(), f"{rare} ({counts[first.label]})")
    assert row[1] == f"{frequent} ({counts[first.predicted]})"
    assert row[2] == str(first.count)


def test_rows_line_up_and_text_cannot_break_them():
    text = table(["", "a"], [["x|y\nz", "1"], ["b", "1000"]])
    assert len({len(line) for line in text.splitlines()}) == 1
    assert "x\\|y z" in text
    assert cell("  a \n b ") == "a b"
