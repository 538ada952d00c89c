"""The mean of the answers of several runs, which takes no training."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from applications.predictions import pack
from applications.provenance import provenance
from keras_lt import posthoc
from keras_lt import report

TAU = 1.0
"""Strength of the adjustment; fixed, as no held-out answers are kept."""


def ensemble(folders: Sequence[pathlib.Path]) -> dict[str, Any]:
    """Returns the record of an ensemble, like that of a run.

    The answers are the mean of the softmax of all runs, and the same with the
    logarithms of the means adjusted for balanced classes.

    Args:
        folders: Output folders of finished runs on the same test images. The
            record names the settings of the first.
    """
    records = [
        json.loads((one / "result.json").read_text(encoding="utf-8"))
        for one in folders
    ]
    first = records[0]
    logits, labels = _answers(folders)
    counts = first["class_counts"]
    mean = posthoc.average_exits(logits)
    kinds = {
        "as_trained": mean,
        "adjusted": posthoc.adjust_logits(mean, counts, TAU),
    }
    cards = {
        name: report.from_logits(
            answers, labels, counts, first["class_names"], name=name
        )
        for name, answers in kinds.items()
    }
    return {
        "application": first["application"],
        "settings": {**first["settings"], "method": ["ensemble"]},
        "schedule": first["schedule"],
        "seed": first["seed"],
        **provenance(),
        "dtype_policy": first["dtype_policy"],
        "seconds": 0.0,
        "members": [one.name for one in folders],
        "scores": {name: card.scores for name, card in cards.items()},
        "intervals": {name: card.intervals for name, card in cards.items()},
        "tau": TAU,
        "tau_is": "fixed",
        "class_counts": counts,
        "class_names": first["class_names"],
        "class_supports": cards["as_trained"].class_supports,
        "class_accuracies": {
            name: card.class_accuracies for name, card in cards.items()
        },
        "predictions": {
            name: pack(card.outcomes.predictions, card.outcomes.labels)
            for name, card in cards.items()
        },
    }


def _answers(
    folders: Sequence[pathlib.Path],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits `(n, runs, classes)` and labels.

    Raises:
        ValueError: If the runs are not of the same test images.
    """
    logits, labels = [], []
    for one in folders:
        with np.load(one / "logits.npz", allow_pickle=False) as arrays:
            logits.append(arrays["logits"])
            labels.append(arrays["labels"])
        if not np.array_equal(labels[0], labels[-1]):
            raise ValueError(
                "The runs of an ensemble must be of the same test images. "
                f"Received: other labels in {str(one)!r} than in "
                f"{str(folders[0])!r}. Train them on the same data."
            )
    return np.stack(logits, axis=1), labels[0]
