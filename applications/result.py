"""What a run leaves behind."""

import dataclasses
from typing import Any

import numpy as np

from applications.schedules import Schedule
from applications.settings import Settings
from keras_lt import data

TAUS = tuple(np.arange(0.0, 2.01, 0.25).tolist())
"""Strengths of logit adjustment that are tried on held-out images."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Holds the answers of a trained model, and how it came to them.

    Args:
        split: The data.
        settings: The choices of the run.
        schedule: Epochs and learning rates.
        provenance: Where and with what the run started.
        history: One row per epoch, as `training.train` returns it.
        logits: Answers to the test images.
        held_out_logits: Answers to the held-out training images, if any.
    """

    split: data.Split
    settings: Settings
    schedule: Schedule
    provenance: dict[str, Any]
    history: list[dict[str, Any]]
    logits: np.ndarray
    held_out_logits: np.ndarray | None = None

    def cards(self) -> dict[str, Any]:
        return {}

    def record(self) -> dict[str, Any]:
        return {
            "settings": self.settings.what_is_trained(),
            "history": self.history,
            "provenance": self.provenance,
        }

    def table(self) -> str:
        return str(np.mean(self.logits.argmax(-1) == self.split.test.y))
