"""Checks of what a model is trained and evaluated on."""

from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.data.labels import label_of
from keras_lt.ops.crossentropy import are_soft
from keras_lt.types import ClassCounts
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_counts_of_model
from keras_lt.validation import check_finite
from keras_lt.validation import check_labels
from keras_lt.validation import check_soft_labels


def check_data(
    x: Any, y: Any, num_classes: int, sample_weight: Any = None
) -> None:
    """Raises if images are not finite, or labels are not of the classes.

    Args:
        x: What `fit` and `evaluate` take. Arrays and `Batches` are checked.
        y: The labels, or None; or a dict that holds them. Tensors, and what
            pandas makes, are looked at as arrays.
        num_classes: Of the model.
        sample_weight: One for each example, or None.
    """
    if isinstance(sample_weight, np.ndarray):
        check_finite("sample_weight", sample_weight)
    if isinstance(x, np.ndarray):
        if not len(x):
            raise ValueError(
                "`x` must hold one example or more. Received: shape "
                f"{x.shape}. Look at what was selected."
            )
        check_finite("x", x)
    if isinstance(x, Batches):
        check_labels(x.labels, num_classes, name="x.labels")
    y = label_of(y)
    if y is None and isinstance(x, np.ndarray):
        raise ValueError(
            "`y` must hold the labels of the images. Received: None. Pass "
            "both, or `Batches`, which have the labels in them."
        )
    y = _as_array(y)
    if y is None:
        return
    if are_soft(y, num_classes):
        check_soft_labels("y", y)
    else:
        check_labels(y, num_classes, name="y")


def _as_array(labels: Any) -> np.ndarray | None:
    """Returns None for labels that are not there, or only come in batches."""
    if keras.ops.is_tensor(labels):
        return keras.ops.convert_to_numpy(labels)
    return np.asarray(labels) if hasattr(labels, "__array__") else None


def check_validation_data(data: Any, num_classes: int) -> None:
    """Raises if what `fit` validates on cannot be evaluated."""
    if isinstance(data, Batches):
        check_labels(data.labels, num_classes, "validation_data.labels")
    elif data is not None:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        check_data(x, y, num_classes, weights)


def check_held_out(
    x: Any, y: Any, class_counts: ClassCounts, num_classes: int
) -> np.ndarray:
    """Returns the class ids of held-out images, or raises if they are not.

    Args:
        x: Images, in any form. The order of `Batches` is checked.
        y: Their class ids.
        class_counts: Number of training images of each class.
        num_classes: Of the model.
    """
    counts = check_class_counts(class_counts, allow_zero=True)
    check_counts_of_model(counts, num_classes)
    ids = check_labels(y, num_classes, "y")
    # With `steps`, the labels may end before the batches do.
    if isinstance(x, Batches) and not np.array_equal(
        x.labels[x.rows()[: len(ids)]], ids
    ):
        raise ValueError(
            "`y` must be the labels in the order of the batches. Received: "
            "`Batches` that come in another. Pass `sampler=samplers.InOrder()`."
        )
    return ids
