"""Judges a model with exits: what it answers, and what that saves."""

import dataclasses
from typing import Any

import numpy as np

from applications.batches import in_order
from keras_lt import data
from keras_lt import inference
from keras_lt import models

THRESHOLDS = tuple(np.round(np.arange(0.3, 1.001, 0.1), 2).tolist())
"""Thresholds of the curve that a result keeps."""


@dataclasses.dataclass(frozen=True)
class ExitResult:
    """Holds the answers of all exits to the test images, and the thresholds.

    Args:
        exit_logits: Answers of all exits, `(n, exits, classes)`.
        outcomes: The same, judged.
        point: What the thresholds in use give.
        chosen: What they gave on held-out images, if they were chosen there.
        saved: Share of the work that `predict` did not do.
        held_out_logits: Answers of all exits to held-out images, if any.
    """

    exit_logits: np.ndarray
    outcomes: inference.ExitOutcomes
    point: inference.OperatingPoint
    chosen: inference.OperatingPoint | None
    saved: float
    held_out_logits: np.ndarray | None = None

    def record(self) -> dict[str, Any]:
        """Returns the numbers as plain values."""
        curve = self.outcomes.curve(THRESHOLDS)
        return {
            "thresholds": list(self.point.thresholds or ()),
            "thresholds_are": (
                "chosen on held-out images" if self.chosen else "fixed"
            ),
            "costs": self.outcomes.costs.tolist(),
            "saved": round(self.saved, 4),
            "test": _plain(self.point),
            "held_out": self.chosen and _plain(self.chosen),
            "each_exit": [_plain(point) for point in curve.exits],
            "curve": [_plain(point) for point in curve.points],
        }


def use_exits(
    model: models.EarlyExitModel,
    split: data.Split,
    evaluation: data.transforms.Transform,
    max_accuracy_loss: float,
) -> tuple[np.ndarray, ExitResult]:
    """Chooses thresholds if images are held out, and answers the test.

    Args:
        model: The trained model; it gets the chosen thresholds.
        split: The data, with a test part.
        evaluation: The transform without augmentation.
        max_accuracy_loss: Balanced accuracy that early exits may lose, on
            the held-out images.

    Returns:
        The answers to the test images, `(n, classes)`, and how they came.
    """
    chosen = held_out_logits = None
    if split.validation is not None:
        held_out_logits = model.exit_logits(
            in_order(split.validation, evaluation), verbose=0
        )
        held_out = inference.ExitOutcomes.from_logits(
            held_out_logits,
            split.validation.y,
            model.exit_costs(),
            split.class_counts,
            measure=model.measure,
        )
        chosen = inference.choose_thresholds(
            held_out, max_accuracy_loss=max_accuracy_loss
        )
        model.threshold = chosen.thresholds
    test = in_order(split.test, evaluation)
    exit_logits = model.exit_logits(test, verbose=0)
    outcomes = inference.ExitOutcomes.from_logits(
        exit_logits,
        split.test.y,
        model.exit_costs(),
        split.class_counts,
        measure=model.measure,
    )
    answer = model.predict_with_exits(test, batch_size=250, verbose=0)
    return answer.logits, ExitResult(
        exit_logits=exit_logits,
        outcomes=outcomes,
        point=outcomes.at(model.threshold),
        chosen=chosen,
        saved=answer.flops_saved,
        held_out_logits=held_out_logits,
    )


def _plain(point: inference.OperatingPoint) -> dict[str, Any]:
    """Returns accuracy, work and shares of each mix of classes."""
    return {
        "thresholds": point.thresholds and list(point.thresholds),
        **{
            mix: {
                "accuracy": round(scores.accuracy, 5),
                "saved": round(scores.saving, 5),
                "exit_shares": [round(one, 5) for one in scores.exit_shares],
            }
            for mix, scores in point.scores.items()
            if scores is not None
        },
    }
