"""Tables of what exits did in a run, from its `result.json`."""

from collections.abc import Mapping
from typing import Any

from keras_lt.markdown import percent
from keras_lt.markdown import table

MIXES = ("all", "many", "medium", "few")
"""What the tables show, if the run has it."""


def shares_table(exits: Mapping[str, Any]) -> str:
    """Returns accuracy, work and exits at the thresholds in use, by group.

    Args:
        exits: The entry `exits` of a result.
    """
    found, full = exits["test"], exits["each_exit"][-1]
    head = ["", "full depth %", "early %", "work saved %"]
    head += [f"exit {k} %" for k in range(1, len(exits["costs"]) + 1)]
    rows = []
    for mix in filter(found.get, MIXES):
        scores = found[mix]
        numbers = [full[mix]["accuracy"], scores["accuracy"], scores["saved"]]
        cells = map(percent, [*numbers, *scores["exit_shares"]])
        rows.append([mix, *cells])
    return table(head, rows)


def curve_table(exits: Mapping[str, Any]) -> str:
    """Returns accuracy, and work saved, along one threshold for all exits."""
    mixes = list(filter(exits["test"].get, MIXES))
    head = ["threshold", *(f"{mix} %" for mix in mixes)]
    head += [f"saved, {mix} %" for mix in mixes]
    rows = []
    for point in exits["curve"]:
        threshold = f"{point['thresholds'][0]:.4g}"
        accuracies = [percent(point[mix]["accuracy"]) for mix in mixes]
        savings = [percent(point[mix]["saved"]) for mix in mixes]
        rows.append([threshold, *accuracies, *savings])
    return table(head, rows)
