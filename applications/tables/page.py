"""Writes a table as a page, from the files of kept runs alone."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from applications.files import write_text
from applications.provenance import short_commit
from applications.tables.command import command
from applications.tables.command import made_otherwise
from applications.tables.difference import Difference
from applications.tables.kept_run import KeptRun
from applications.tables.pairing import CellRuns
from applications.tables.pairing import by_cell
from applications.tables.reproduction import published_figures
from applications.tables.table import LineName
from applications.tables.table import Table
from keras_lt.markdown import table as markdown_table
from keras_lt.report.summary import spread

SCORES = ("many", "medium", "few", "accuracy")

FEWEST_LINES = 4
"""Lines from which on a cell has a plot."""

_HEAD = """\
# Results on long-tailed CIFAR

<!-- Written by scripts/reproduce.py from the files in applications/*/results;
a test compares. Change those, or the words in applications/tables. -->
"""

_RULE = """\
## How to read the tables

- Everything is written by `python scripts/reproduce.py --table=cifar_lt
  --report_only` from the files of the runs, in `applications/*/results`. The
  command under each table makes its runs, and those of seeds that some of its
  lines lack; add `--data_dir` and `--runs_dir`. Each file has the flags, seed,
  commit, versions, device, duration, history, accuracy of each class and, but
  for some older ones, the answers to the test images.
- Early answers of two lines come at the work that each saves, not at the same
  work; the [curves of two trainings](early_exits.md) compare at the same work.
- The list of runs at the end has the strength of the adjustment (for
  tau-normalisation, its exponent). A `+` at the end of a commit says that files
  of the project differed from it; further commits are those with which a run
  that was stopped went on.
- Accuracy in percent on the balanced test set, at the last epoch, never the
  best; of several seeds, the mean and, after ±, their standard deviation. Many
  are classes with more than 100 training images, few those with fewer than 20.
- What is chosen (thresholds of exits, strengths of adjustment) is chosen on 20
  images of each class that the long-tailed subset leaves over, where there are
  as many. They are no training images, and a balanced held-out set is more than
  a user of long-tailed data has. Where the classes fall in one step, half of
  them leave nothing over and nothing is chosen: the strength is 1, the
  threshold 0.9. The other settings are the defaults of the recipes. Those of
  200 epochs are published ones, but for the branches of ELF and the share of
  their gradient, which the [text on early exits](early_exits.md) explains, and
  for the stages of DRO-LT, which are 4.6 times shorter than in its code.
- Rows are paired by subset and seed. A line is *better* than another if the
  mean of at least three paired differences is more than two standard errors
  above zero. With three pairs, two lines that are alike are called better or
  worse in one case of five. With fewer pairs, the 95 % interval of a paired
  bootstrap over test images has to leave zero out, and the number of seeds is
  said: such an interval knows nothing of how far another seed would move.
- Adjusting the logits of plain cross-entropy afterwards costs nothing, so that
  each line says what it adds to that, over the pairs that both have. A star
  marks a difference that the rule calls clear.
- Students of four teachers, and the mean of these, have the same four teachers
  whatever the seed.
- Tables of other lengths or augmentations must not be compared: augmentation
  alone is worth points. Published figures are of 200 epochs, mostly of the best
  epoch on the test set.
"""

_REPRODUCED = """\
## What was reproduced

Each published figure, and the longest training here with its augmentation, over
all images as trained. A figure counts as reproduced from a point and a half
below it, at the last epoch; many of the published ones are of the best epoch on
the test set. Epochs are those of the first stage.
"""


def page(
    table: Table,
    runs: Sequence[KeptRun],
    findings: str,
    plots_folder: str | None = "results",
) -> str:
    """Returns the page, in Markdown.

    Args:
        table: What is shown.
        runs: All kept runs.
        findings: What the numbers say, in words.
        plots_folder: Where its plots are, beside it; None if there are none.
    """
    cells = by_cell(table, runs)
    parts = [_HEAD, findings, _RULE]
    parts += [_REPRODUCED, published_figures(table, cells)]
    for one in cells:
        parts += _cell(one, plots_folder)
    parts += _schedules(cells)
    parts += _failures(table, runs)
    parts += ["## The runs", _all_runs(runs)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def plot_of(cell: CellRuns) -> str | None:
    """Returns the name of the plot of a cell; None if it has none."""
    if len(cell.lines()) < FEWEST_LINES:
        return None
    return f"{cell.cell.application}_{cell.cell.code}.png"


def write(
    table: Table,
    runs: Sequence[KeptRun],
    findings: str,
    path: pathlib.Path,
    plots: bool = True,
) -> None:
    """Writes the page, and its plots into a folder of the same name.

    Args:
        table: What is shown.
        runs: All kept runs.
        findings: What the numbers say, in words.
        path: Of the page.
        plots: Whether to draw.
    """
    folder = path.with_suffix("")
    shown = folder.name if plots or folder.is_dir() else None
    write_text(path, page(table, runs, findings, shown))
    if not plots:
        return
    from applications.tables.plot import scores

    folder.mkdir(exist_ok=True)
    for one in by_cell(table, runs):
        name = plot_of(one)
        if name is not None:
            scores(one).savefig(folder / name, dpi=110)


def _cell(runs: CellRuns, plots_folder: str | None) -> list[str]:
    parts = [f"## {runs.cell.title}", _scores(runs)]
    sources = _sources(runs)
    if sources:
        notes = (f"{number}: {name}" for name, number in sources.items())
        parts.append(f"Published figures: {'; '.join(notes)}.")
    parts.append(_command(runs))
    name = plot_of(runs)
    if name is not None and plots_folder is not None:
        parts.append(f"![Accuracy of each line]({plots_folder}/{name})")
    answers = _answers(runs)
    if answers:
        parts.append(answers)
    return parts


def _command(runs: CellRuns) -> str:
    found = command(runs)
    if found is None:
        return (
            "Made by `scripts/train.py --initial_run`, from a run with the "
            "first augmentation."
        )
    block = f"```text\n{found}\n```"
    others = ", ".join(f"`{name}`" for name in made_otherwise(runs))
    if not others:
        return block
    return (
        f"{block}\n\nWith another backend or precision, as the list of runs "
        f"below says: {others}."
    )


def _scores(runs: CellRuns) -> str:
    saved = any(run.work_saved for run in _all(runs))
    sources = _sources(runs)
    head = ["method", "seeds", "many", "medium", "few", "all"]
    head += ["work saved"] if saved else []
    head += ["gain over adjusted cross-entropy"]
    head += ["published"] if sources else []
    rows = []
    for line in runs.lines():
        row = [runs.table.label(line), str(len(runs.scores(line, "accuracy")))]
        row += [spread(runs.scores(line, score)) for score in SCORES]
        if saved:
            row.append(_saved(runs, line))
        row.append(_gain(runs, line))
        if sources:
            row.append(_published(runs, line, sources))
        rows.append(row)
    return markdown_table(head, rows)


def _answers(runs: CellRuns) -> str:
    rows = []
    for first, second in runs.table.questions:
        found = runs.difference(first, second)
        if found is None:
            continue
        few = runs.difference(first, second, "few")
        rows.append(
            [
                f"{runs.table.label(first)}, against "
                f"{runs.table.label(second)}",
                _both_saved(runs, first, second),
                str(found.pairs),
                _points(found),
                _points(few),
                found.verdict,
            ]
        )
    head = ["is it better?", "work saved by the two", "pairs", "all", "few"]
    head += ["over all images"]
    if all(row[1] == "-" for row in rows):
        rows = [row[:1] + row[2:] for row in rows]
        head.pop(1)
    return markdown_table(head, rows) if rows else ""


def _gain(runs: CellRuns, line: LineName) -> str:
    if line == runs.table.baseline:
        return "-"
    found = runs.difference(line, runs.table.baseline)
    if found is None:
        return "-"
    star = "*" if found.is_clear else ""
    fewer = found.pairs < len(runs.scores(line, "accuracy"))
    pairs = f" ({found.pairs} of them)" if fewer else ""
    return f"{100 * found.value:+.1f}{star}{pairs}"


def _points(found: Difference | None) -> str:
    if found is None:
        return "-"
    if found.ends is None:
        return f"{100 * found.value:+.1f}"
    low, high = (f"{100 * end:+.1f}" for end in found.ends)
    return f"{100 * found.value:+.1f} ({low} to {high})"


def _saved(runs: CellRuns, line: LineName) -> str:
    if line[1] != "as_trained":
        return "-"
    values = [run.work_saved for run in runs.runs(line[0]).values()]
    known = [value for value in values if value is not None]
    return spread(known)


def _both_saved(runs: CellRuns, first: LineName, second: LineName) -> str:
    saved = _saved(runs, first), _saved(runs, second)
    return ", ".join(saved) if set(saved) != {"-"} else "-"


def _sources(runs: CellRuns) -> dict[str, int]:
    """Returns the sources of published figures, with a number for each."""
    lines = runs.table.lines()
    known = [lines[line].published.get(runs.cell.data) for line in runs.lines()]
    names = dict.fromkeys(one[1] for one in known if one is not None)
    return {name: number for number, name in enumerate(names, start=1)}


def _published(runs: CellRuns, line: LineName, sources: dict[str, int]) -> str:
    known = runs.table.lines()[line].published.get(runs.cell.data)
    return "" if known is None else f"{known[0]:.1f} [{sources[known[1]]}]"


def _schedules(cells: Sequence[CellRuns]) -> list[str]:
    """Says how alike the lines are ordered at two lengths."""
    found = []
    for number, one in enumerate(cells):
        for other in cells[number + 1 :]:
            if _same_but_length(one, other):
                lines = [x for x in one.lines() if x in other.lines()]
                if len(lines) >= FEWEST_LINES:
                    found.append(
                        f"- {one.cell.title}, against {other.cell.length}: "
                        f"{rank_correlation(one, other, lines):.2f} over "
                        f"{len(lines)} lines."
                    )
    if not found:
        return []
    text = "Rank correlation (Spearman) of the accuracies at two lengths:"
    return ["## Does a short schedule keep the order?", text, "\n".join(found)]


def rank_correlation(
    one: CellRuns, other: CellRuns, lines: Sequence[LineName]
) -> float:
    """Returns the rank correlation of the mean accuracies of some lines."""
    means = [
        np.array([np.mean(x.scores(line, "accuracy")) for line in lines])
        for x in (one, other)
    ]
    # Lines that are level share the mean of their ranks.
    ranks = [
        (each[:, None] > each).sum(1) + (each[:, None] == each).sum(1) / 2
        for each in means
    ]
    return float(np.corrcoef(*ranks)[0, 1])


def _same_but_length(one: CellRuns, other: CellRuns) -> bool:
    a, b = one.cell, other.cell
    return (a.data, a.augmentation) == (b.data, b.augmentation)


def _failures(table: Table, runs: Sequence[KeptRun]) -> list[str]:
    rows = [
        [run.name, run.record["date"][:10], run.failure]
        for run in runs
        if run.failure is not None and run.row in table.by_name
    ]
    if not rows:
        return []
    return ["## Failed", markdown_table(["run", "date", "why"], rows)]


def _all_runs(runs: Sequence[KeptRun]) -> str:
    head = [
        "run",
        "date",
        "commit",
        "backend",
        "precision",
        "device",
        "minutes",
        "strength",
    ]
    rows = []
    for run in runs:
        if run.failure is not None:
            continue
        record = run.record
        hardware = record["hardware"]
        devices = ", ".join(hardware["devices"])
        if devices.startswith("cpu"):
            devices = f"{devices} of {hardware['cpu']}"
        # Older runs do not say it.
        if hardware.get("threads"):
            devices += f", threads: {hardware['threads']}"
        rows.append(
            [
                f"`{run.name}`",
                record["date"][:10],
                _commits(record),
                f"{record['backend']} "
                f"{record['versions'].get(record['backend'], '')}",
                record["dtype_policy"],
                devices,
                f"{record['seconds'] / 60:.0f}",
                _strength(record),
            ]
        )
    return markdown_table(head, rows)


def _commits(record: Mapping[str, Any]) -> str:
    """Returns the commit of the start, and those that went on from there."""
    parts = [record, *record.get("resumed", ())]
    return ", ".join(
        dict.fromkeys(short_commit(one["commit"]) for one in parts)
    )


def _strength(record: Mapping[str, Any]) -> str:
    """Returns the strength of the adjustment, and if nobody chose it."""
    if record["tau_is"] == "not needed":
        return "-"
    fixed = ", fixed" if record["tau_is"] == "fixed" else ""
    return f"{record['tau']:g}{fixed}"


def _all(runs: CellRuns) -> list[KeptRun]:
    return [
        run for row in runs.table.by_name for run in runs.runs(row).values()
    ]
