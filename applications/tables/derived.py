"""Rows that are made of finished runs, without training."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from applications.card_records import card_records
from applications.provenance import provenance
from applications.tables.ensemble import ensemble
from applications.tables.new_classifier import nearest_class_mean
from applications.tables.new_classifier import tau_normalized
from keras_lt import report

_METHODS = {
    "ensemble": ensemble,
    "tau_normalized": tau_normalized,
    "nearest_class_mean": nearest_class_mean,
}


def derive(
    method: str,
    folders: Sequence[pathlib.Path],
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Returns a record like that of a run.

    Args:
        method: One of `applications.tables.row.DERIVED`.
        folders: Output folders of the finished runs that it is made of. The
            record names the settings of the first.
        data_dir: Where the data lies, if not where it was.
    """
    content = (folders[0] / "result.json").read_text(encoding="utf-8")
    first = json.loads(content)
    counts = first["class_counts"]
    answers = _METHODS[method](folders, counts, data_dir)
    cards = {
        kind: report.from_logits(
            logits, answers.labels, counts, first["class_names"], name=kind
        )
        for kind, logits in answers.logits.items()
    }
    return {
        "application": first["application"],
        "settings": {**first["settings"], "method": [method]},
        "schedule": first["schedule"],
        "seed": first["seed"],
        **provenance(),
        "dtype_policy": first["dtype_policy"],
        "seconds": 0.0,
        "members": [one.name for one in folders],
        **card_records(cards),
        "tau": answers.tau,
        "tau_is": answers.tau_is,
        "class_counts": counts,
        "class_names": first["class_names"],
    }
