"""One table for several methods, each trained several times."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_lt.markdown import percent
from keras_lt.markdown import table
from keras_lt.report.report_card import ReportCard


def summarize(
    runs: Mapping[str, Sequence[ReportCard]],
    extra: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> str:
    """Returns a table of mean and standard deviation over seeds, in percent.

    Args:
        runs: Reports of each method, one for each seed.
        extra: More columns: title, then method, then one share from 0 to 1
            for each seed. A method may be left out.

    Returns:
        A Markdown table with many, medium, few and all. The standard
        deviation is that of a sample (divided by one less than the number of
        seeds), and left out for one seed.

    Raises:
        ValueError: If there are no methods, a method has no reports, or
            `extra` names a method that is not in `runs`.

    Example:

    >>> logits, labels, counts = np.eye(2) * 3, [0, 1], [500, 5]
    >>> card = keras_lt.report.from_logits(logits, labels, counts)
    >>> print(keras_lt.report.summarize({"plain": [card, card]}))
    | method | seeds |      many % | medium % |       few % |       all % |
    | ------ | ----: | ----------: | -------: | ----------: | ----------: |
    | plain  |     2 | 100.0 ± 0.0 |        - | 100.0 ± 0.0 | 100.0 ± 0.0 |
    """
    extra = extra or {}
    _check_runs(runs, extra)
    head = ["method", "seeds", "many %", "medium %", "few %", "all %"]
    rows = []
    for name, cards in runs.items():
        row = [name, str(len(cards))]
        for score in ("many", "medium", "few", "accuracy"):
            row.append(spread([card.scores[score] for card in cards]))
        row += [spread(column.get(name, ())) for column in extra.values()]
        rows.append(row)
    return table([*head, *extra], rows)


def _check_runs(
    runs: Mapping[str, Sequence[ReportCard]],
    extra: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    empty = [name for name, cards in runs.items() if not len(cards)]
    if empty or not runs:
        raise ValueError(
            "`runs` must hold one report or more for each method. Received: "
            f"{len(runs)} methods, {len(empty)} of them without reports"
            f"{f', first {empty[0]!r}' if empty else ''}."
        )
    unknown = sorted({name for c in extra.values() for name in c} - set(runs))
    if unknown:
        raise ValueError(
            "`extra` must name methods of `runs`. Received: "
            f"{unknown[0]!r}, which is not one of "
            f"{', '.join(map(repr, runs))}."
        )


def spread(values: Sequence[float | None]) -> str:
    """Returns mean and standard deviation over seeds, in percent.

    The deviation is left out for one seed. A dash stands where a seed has no
    value.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return "-"
    mean = percent(float(np.mean(known)))
    if len(known) == 1:
        return mean
    return f"{mean} ± {percent(float(np.std(known, ddof=1)))}"
