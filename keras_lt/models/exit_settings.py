"""Checks the settings of a model with exits."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.ops.early_exit import CRITERIA
from keras_lt.ops.early_exit import Criterion


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
            f"exit_weights={weights.tolist()}. Pass 0 for an exit that is not "
            "to be trained."
        )
    if not weights.any():
        raise ValueError(
            "`exit_weights` must be greater than 0 for one exit or more, or "
            f"nothing is trained. Received: exit_weights={weights.tolist()}. "
            "Leave `exit_weights` out to train all exits alike."
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
