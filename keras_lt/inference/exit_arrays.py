"""Checks of the arrays that describe exits."""

from typing import Any

import numpy as np

from keras_lt.float_arrays import as_array
from keras_lt.float_arrays import finite_floats
from keras_lt.types import Tensor
from keras_lt.validation import check_labels


def check_exit_logits(
    exit_logits: Tensor, num_classes: int | None = None
) -> np.ndarray:
    """Returns finite logits `(n, K, classes)` in float32, or raises."""
    values = as_array(exit_logits)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            "`exit_logits` must hold one row of logits per example and exit, "
            "of shape (n, exits, classes), and one example or more. Received: "
            f"shape {values.shape}. `EarlyExitModel.exit_logits` gives them."
        )
    if num_classes is not None and values.shape[2] != num_classes:
        raise ValueError(
            "`exit_logits` must hold one logit per class, and there must be "
            f"one class count for each. Received: {values.shape[2]} logits "
            f"and {num_classes} class counts. Pass the counts of the classes "
            "that the model has."
        )
    limit = float(np.finfo("float32").max)
    values = finite_floats("exit_logits", values, limit)
    return values.astype("float32", copy=False)


def check_outcomes(
    labels: Any, predictions: Any, scores: Any, num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns labels, predictions and scores as arrays, or raises."""
    ids = check_labels(labels, num_classes)
    answers = np.asarray(predictions)
    values = np.asarray(scores, "float32")
    if (
        answers.ndim != 2
        or answers.dtype.kind not in "iu"
        or 0 in answers.shape
    ):
        raise ValueError(
            "`predictions` must hold one class id per example and exit, of "
            "shape (n, exits), and one example or more. Received: shape "
            f"{answers.shape}, dtype={answers.dtype}. "
            "`ExitOutcomes.from_logits` makes them of logits."
        )
    if len(ids) != len(answers):
        raise ValueError(
            "There must be one label per example. Received: "
            f"{len(ids)} labels, and {len(answers)} examples at the exits. "
            "Predict the examples in the order of their labels, all of them."
        )
    expected = (len(answers), answers.shape[1] - 1)
    if values.shape != expected:
        raise ValueError(
            "`scores` must hold one number per example and exit but the last, "
            f"of shape {expected}. Received: shape {values.shape}. Nobody "
            "stays after the last exit, so it has no score."
        )
    inside = (values >= 0) & (values <= 1)  # NaN is not.
    if not inside.all():
        row, exit_ = np.argwhere(~inside)[0]
        raise ValueError(
            "`scores` must be from 0 to 1. Received: "
            f"{values[row, exit_]} at row {row}, exit {exit_ + 1}. Pass the "
            "largest softmax probability, say, and not a logit."
        )
    return ids, answers.astype("int32", copy=False), values


def check_costs(name: str, costs: Any, num_exits: int) -> np.ndarray:
    """Returns the cost of leaving at each exit in float64, or raises."""
    values = np.asarray(costs, "float64")
    if values.shape != (num_exits,):
        raise ValueError(
            f"`{name}` must hold one number per exit, of shape ({num_exits},). "
            f"Received: shape {values.shape}. Count the last exit too."
        )
    if not np.isfinite(values).all() or values[0] <= 0:
        raise ValueError(
            f"`{name}` must be finite and greater than 0. Received: "
            f"{name}={values.tolist()}."
        )
    if (np.diff(values) < 0).any():
        raise ValueError(
            f"`{name}` must not fall from exit to exit, as an example that "
            f"leaves later has passed the earlier ones. Received: "
            f"{name}={values.tolist()}. Of the stages alone, pass "
            "`np.cumsum`."
        )
    return values
