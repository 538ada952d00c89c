"""Tables for people: reports as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keras_lt.markdown import cell
from keras_lt.markdown import interval_text
from keras_lt.markdown import percent
from keras_lt.markdown import table

if TYPE_CHECKING:
    from keras_lt.report.report_card import ReportCard

MAX_CLASSES = 20
"""With more classes, the table of classes shows the worst ones only."""

NUM_WORST = 10


def card_to_markdown(
    card: ReportCard, images: Mapping[str, str] | None = None
) -> str:
    """Returns a report as Markdown.

    Args:
        card: The report.
        images: Captions by file name, of the plots to show.
    """
    parts = [f"# {cell(card.name)}", _opening(card), _scores(card)]
    parts.append(_remarks(card))
    parts += [f"![{text}]({name})" for name, text in (images or {}).items()]
    parts += ["## Where the images of each group go", _flow(card)]
    confusions = _confusions(card)
    if confusions:
        parts += ["## Rare classes taken for more frequent ones", confusions]
    parts += _classes(card)
    parts += ["## How this was measured", _method(card)]
    return "\n\n".join(parts) + "\n"


def _opening(card: ReportCard) -> str:
    counts = card.classes.counts
    data = card.meta.get("data")
    part = card.meta.get("part", "test")
    text = (
        f"{len(card.outcomes):,} {part} images"
        f"{f' of {cell(str(data))}' if data else ''}, {len(counts):,} classes; "
        f"trained on {sum(counts):,} images, {max(counts):,} of the most "
        f"frequent class and {min(counts):,} of the least."
    )
    if part == "validation":
        text += (
            " **There was no test part: settings may have been chosen on "
            "these very images.**"
        )
    return text


def _scores(card: ReportCard) -> str:
    head = ["", "classes", "images", "accuracy %", "95 % interval"]
    head += ["calibration error %", "NLL"]
    size = [f"{len(card.classes):,}", f"{len(card.outcomes):,}"]
    rows = [
        ["all images", *size, *_accuracy_cells(card, "accuracy")],
        ["mean of classes", *size, *_accuracy_cells(card, "balanced_accuracy")],
    ]
    rows[0] += _loss_cells(card.calibration_error, card.negative_log_likelihood)
    rows[1] += ["", ""]
    for name, group in card.groups.items():
        size = [f"{group.num_classes:,}", f"{group.num_examples:,}"]
        losses = group.calibration_error, group.negative_log_likelihood
        rows.append(
            [name, *size, *_accuracy_cells(card, name), *_loss_cells(*losses)]
        )
    return table(head, rows)


def _accuracy_cells(card: ReportCard, score: str) -> list[str]:
    ends = interval_text(card.intervals[score])
    return [percent(card.scores[score]), ends]


def _loss_cells(error: float | None, loss: float | None) -> list[str]:
    return [percent(error), "-" if loss is None else f"{loss:.3f}"]


def _remarks(card: ReportCard) -> str:
    known = [a for a in card.class_accuracies if a is not None]
    label = card.worst_class
    lines = []
    if card.top_5 is not None:
        lines.append(f"- Top-5 accuracy: {percent(card.top_5)} %.")
    lines.append(
        f"- Worst class: {cell(card.classes.names[label])}, "
        f"{percent(card.class_accuracies[label])} %, with "
        f"{card.classes.counts[label]:,} training images."
    )
    never = known.count(0.0)
    if never:
        lines.append(
            f"- Never recognised: {never:,} of {len(known):,} classes."
        )
    missing = len(card.classes) - len(known)
    if missing:
        lines.append(
            f"- Without test images, and left out of every mean: {missing:,} "
            f"of {len(card.classes):,} classes."
        )
    return "\n".join(lines)


def _flow(card: ReportCard) -> str:
    names = list(card.groups)
    head = ["% of the images of", *(f"taken for {name}" for name in names)]
    rows = [
        [true, *(percent(row[name] if row else None) for name in names)]
        for true, row in card.group_confusions.items()
    ]
    return table(head, rows)


def _confusions(card: ReportCard) -> str:
    names, counts = card.classes.names, card.classes.counts
    rows = [
        [
            f"{names[c.label]} ({counts[c.label]:,})",
            f"{names[c.predicted]} ({counts[c.predicted]:,})",
            f"{c.count:,}",
            percent(c.share),
        ]
        for c in card.top_confusions()
    ]
    if not rows:
        return ""
    head = ["class (training images)", "taken for", "images", "% of the class"]
    return table(head, rows)


def _classes(card: ReportCard) -> list[str]:
    accuracies = card.class_accuracies
    order = [int(label) for label in card.classes.order]
    title = "## Classes"
    if len(order) > MAX_CLASSES:
        title = f"## The {NUM_WORST} worst classes"
        known = [label for label in order if accuracies[label] is not None]
        order = sorted(known, key=lambda label: accuracies[label] or 0.0)
        order = order[:NUM_WORST]
    rows = [
        [
            card.classes.names[label],
            f"{card.classes.counts[label]:,}",
            f"{card.class_supports[label]:,}",
            percent(accuracies[label]),
        ]
        for label in order
    ]
    head = ["class", "training images", "test images", "accuracy %"]
    return [title, table(head, rows)]


_NOT_SHOWN = ("part", "data", "examples")
"""What is told elsewhere, or is for machines."""


def _method(card: ReportCard) -> str:
    classes = card.classes
    told = {k: v for k, v in card.meta.items() if k not in _NOT_SHOWN}
    given = ", ".join(f"{key}: {value}" for key, value in told.items())
    text = (
        f"many: more than {classes.many:,} training images; few: fewer than "
        f"{classes.few:,}; medium: between. The accuracy of a group is the "
        "mean of its class accuracies; calibration error (15 bins) and NLL "
        "are over its images. Intervals are percentiles of a bootstrap over "
        "the test images within their class; they say how far another test "
        "set might differ, not another training."
    )
    if any(ends and ends[0] == ends[1] for ends in card.intervals.values()):
        text += (
            " An interval without width is of images that are all right or all "
            "wrong, or one of each class: it knows nothing of others."
        )
    return f"{text}\n\n{cell(given)}" if given else text
