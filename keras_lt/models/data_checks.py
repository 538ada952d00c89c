"""Checks of what a model is trained and evaluated on."""

from typing import Any

import numpy as np

from keras_lt.data import Batches
from keras_lt.data.labels import label_of
from keras_lt.ops.crossentropy import are_soft
from keras_lt.validation import check_finite
from keras_lt.validation import check_labels
from keras_lt.validation import check_soft_labels


def check_data(x: Any, y: Any, num_classes: int) -> None:
    """Raises if images are not finite, or labels are not of the classes.

    Args:
        x: What `fit` and `evaluate` take. Arrays and `Batches` are checked.
        y: The labels, or None; or a dict that holds them.
        num_classes: Of the model.
    """
    if isinstance(x, np.ndarray):
        check_finite("x", x)
    if isinstance(x, Batches):
        check_labels(x.labels, num_classes, name="x.labels")
    y = label_of(y)
    if not isinstance(y, np.ndarray):
        return
    if are_soft(y, num_classes):
        check_soft_labels("y", y)
    else:
        check_labels(y, num_classes, name="y")


def check_validation_data(data: Any, num_classes: int) -> None:
    """Raises if what `fit` validates on cannot be evaluated."""
    if isinstance(data, tuple) and len(data) > 1:
        check_data(data[0], data[1], num_classes)
    elif isinstance(data, Batches):
        check_labels(data.labels, num_classes, "validation_data.labels")
