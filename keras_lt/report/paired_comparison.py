"""Compares runs on the same test examples."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_lt.report.bootstrap import difference_intervals
from keras_lt.report.comparison import Comparison
from keras_lt.report.difference import Difference
from keras_lt.report.report_card import ReportCard
from keras_lt.score_weights import score_weights
from keras_lt.validation import check_not_negative_int
from keras_lt.validation import check_positive_int


def compare(
    *cards: ReportCard | Mapping[str, ReportCard],
    names: Sequence[str] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compares runs with the first one, example by example.

    Two models mostly fail on the same images. A paired bootstrap resamples
    images, not answers, so it finds differences that lie well inside of the
    intervals of each run. The rule: a difference is clear if its 95 % interval
    leaves zero out. With a handful of images in a group, that is too easily so.

    Args:
        *cards: Two reports or more on the same test examples, in the same
            order; or one dict of reports by name.
        names: What the runs are called; by default the names of the reports.
        resamples: Number of resamples.
        seed: Of the resamples.

    Returns:
        A `Comparison`: print it for a table, or read its `differences`.

    Raises:
        ValueError: If there are fewer than two reports, or they are not of
            the same test examples and training counts. Examples are told by
            their labels and, in reports of `report.evaluate`, by the rows or
            files that they come from.

    Example:

    >>> from keras_lt import report
    >>> logits, labels, counts = np.eye(2) * 3, [0, 1, 1], [500, 5]
    >>> a = report.from_logits(logits[[0, 0, 0]], labels, counts)
    >>> b = report.from_logits(logits[[0, 1, 1]], labels, counts)
    >>> found = report.compare(a, b, names=["plain", "balanced"])
    >>> found.differences["balanced"]["few"].is_clear
    True
    """
    named = _named(cards, names)
    check_positive_int("resamples", resamples)
    check_not_negative_int("seed", seed)
    (first_name, first), *others = named.items()
    for name, card in others:
        check_same_examples(first_name, first, name, card)
    differences = {
        name: _differences(first, card, resamples, seed)
        for name, card in others
    }
    return Comparison(named, differences)


def check_same_examples(
    first_name: str, first: ReportCard, name: str, card: ReportCard
) -> None:
    """Raises if two reports are not of the same examples and groups."""
    if not np.array_equal(first.outcomes.labels, card.outcomes.labels):
        raise ValueError(
            "Reports must be of the same test examples in the same order. "
            f"Received: other labels in {name!r} ({len(card.outcomes)} "
            f"examples) than in {first_name!r} ({len(first.outcomes)}). "
            "Evaluate both models on one split."
        )
    sums = [one.meta.get("examples") for one in (first, card)]
    if None not in sums and sums[0] != sums[1]:
        raise ValueError(
            "Reports must be of the same test examples in the same order. "
            f"Received: other examples in {name!r} than in {first_name!r}, "
            "with the same labels. Evaluate both models on one split: with "
            "another seed, `data.from_directory` and the like hold out others."
        )
    a, b = first.classes, card.classes
    if (a.counts, a.many, a.few) != (b.counts, b.many, b.few):
        raise ValueError(
            "Reports must have the same class counts and thresholds, or their "
            f"groups differ. Received: others in {name!r} than in "
            f"{first_name!r}. Make both with the same `class_counts`, `many` "
            "and `few`."
        )


def _named(
    cards: Sequence[ReportCard | Mapping[str, ReportCard]],
    names: Sequence[str] | None,
) -> dict[str, ReportCard]:
    if len(cards) == 1 and isinstance(cards[0], Mapping):
        names = list(cards[0]) if names is None else names
        cards = list(cards[0].values())
    found = [card for card in cards if isinstance(card, ReportCard)]
    if len(found) < 2 or len(found) != len(cards):
        raise ValueError(
            "`compare` must get two reports or more, or a dict of them. "
            f"Received: {len(found)} among {len(cards)} arguments. Make each "
            "with `report.evaluate` or `report.load`."
        )
    if names is None:
        names = [card.name for card in found]
        if len(set(names)) < len(names):
            names = [f"{name} {i}" for i, name in enumerate(names, start=1)]
    if len(names) != len(found) or len(set(names)) < len(names):
        raise ValueError(
            "`names` must hold one name per report, all different. Received: "
            f"{len(set(names))} different names for {len(found)} reports."
        )
    return dict(zip(names, found, strict=True))


def _differences(
    first: ReportCard, card: ReportCard, resamples: int, seed: int
) -> dict[str, Difference | None]:
    labels, size = first.outcomes.labels, len(first.classes)
    ours, theirs = card.outcomes.correct, first.outcomes.correct
    supports = np.asarray(first.class_supports)
    wins = np.bincount(labels[ours & ~theirs], minlength=size)
    losses = np.bincount(labels[theirs & ~ours], minlength=size)
    weights = score_weights(supports, first.classes.groups)
    intervals = difference_intervals(
        wins, losses, supports, weights, resamples, seed
    )
    change = (wins - losses) / np.maximum(supports, 1)
    found: dict[str, Difference | None] = {}
    for score, values in weights.items():
        ends = intervals[score]
        if values is None or ends is None:
            found[score] = None
        else:
            found[score] = Difference(float(values @ change), *ends)
    return found
