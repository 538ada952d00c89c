"""The mean of the answers of several runs."""

import pathlib
from collections.abc import Sequence

import numpy as np

from applications.tables.answers import Answers
from keras_lt import posthoc

TAU = 1.0
"""Strength of the adjustment; fixed, as no held-out answers are kept."""


def ensemble(
    folders: Sequence[pathlib.Path],
    class_counts: Sequence[int],
    data_dir: str | None = None,
) -> Answers:
    """Returns the mean of the softmax of all runs, also adjusted for balance.

    Args:
        folders: Output folders of finished runs on the same test images.
        class_counts: Number of training images of each class.
        data_dir: Not needed, as runs keep their answers.

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
    mean = posthoc.average_exits(np.stack(logits, axis=1))
    adjusted = posthoc.adjust_logits(mean, class_counts, TAU)
    return Answers(
        {"as_trained": mean, "adjusted": adjusted}, labels[0], TAU, "fixed"
    )
