"""Checks the settings of a model with exits."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.ops.early_exit import CRITERIA
from keras_lt.ops.early_exit import Criterion


def check_thresholds(
    name: str, value: float | Sequence[float], number: int
) -> np.ndarray:
    """Returns a threshold for each exit but the last, in float32."""
    thresholds = np.asarray(value, "float64")
    if thresholds.ndim == 0:
        thresholds = np.full(number, thresholds)
    if thresholds.shape != (number,):
        raise ValueError(
            f"`{name}` must be one number, or one for each exit but the last, "
            f"{number}. Received: {name} of shape {thresholds.shape}."
        )
    wrong = thresholds[~((thresholds >= 0) & (thresholds <= 1))]
    if len(wrong):
        raise ValueError(
            f"`{name}` must be from 0 to 1: an example leaves where its score "
            f"is greater. Received: {wrong[0]}. With 1, nobody leaves."
        )
    return thresholds.astype("float32")


def check_exit_weights(
    exit_weights: Sequence[float] | None, number: int
) -> np.ndarray:
    """Returns one weight for each exit, ones if None, in float32."""
    if exit_weights is None:
        return np.ones(number, "float32")
    weights = np.asarray(exit_weights, "float64")
    if weights.shape != (number,):
        raise ValueError(
            f"`exit_weights` must hold one number for each exit, {number}. "
            f"Received: exit_weights of shape {weights.shape}. The last exit, "
            "which is the output of the backbone, has a weight too."
        )
    if not np.all(np.isfinite(weights) & (weights >= 0)):
        raise ValueError(
            "`exit_weights` must be finite, and 0 or greater. Received: "
            f"exit_weights={weights.tolist()}."
        )
    return weights.astype("float32")


def find_criterion(criterion: Any) -> Criterion:
    """Returns the function of that name, or the function itself."""
    if callable(criterion):
        return criterion
    if criterion not in CRITERIA:
        raise ValueError(
            f"`criterion` must be one of {', '.join(map(repr, CRITERIA))}, or "
            "a function from logits and labels to scores in [0, 1]. Received: "
            f"criterion={criterion!r}."
        )
    return CRITERIA[criterion]


def read_setting(variable: keras.Variable) -> list[float]:
    """Returns the values of a setting that is kept as a weight."""
    values = ops.convert_to_numpy(variable)
    # By way of the shortest text, as 0.9 is 0.89999998 in float32.
    return [float(str(value)) for value in values]
