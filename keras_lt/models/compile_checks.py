"""Checks that a loss fits the model that it is compiled with."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.layers import CosineClassifier
from keras_lt.losses import LDAM
from keras_lt.objectives import Objective


def check_loss(loss: Any) -> None:
    """Raises unless `loss` is a Keras loss on logits."""
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(
            "`loss` must be a `keras.losses.Loss` on logits. Received: "
            f"loss={loss!r}. Use one of `keras_lt.losses`, or "
            "`keras.losses.SparseCategoricalCrossentropy(from_logits=True)`."
        )
    if loss.get_config().get("from_logits") is False:
        name = type(loss).__name__
        raise ValueError(
            "`loss` must take logits, which is what the model returns. "
            f"Received: {name}(from_logits=False). Use "
            f"`{name}(from_logits=True)`."
        )


def check_ldam_heads(
    loss: LDAM, classifiers: Sequence[keras.layers.Layer]
) -> None:
    """Raises unless all heads are cosine classifiers of the loss's scale.

    LDAM subtracts `scale * margin` from a logit that is already scaled. On
    other logits the margin means nothing, and training fails silently.
    """
    for head in classifiers:
        scale = ""
        if isinstance(head, CosineClassifier):
            if head.scale == loss.scale:
                continue
            scale = f" with scale={head.scale}"
        raise ValueError(
            "`LDAM` must act on the logits of a `CosineClassifier` of the "
            f"same scale, {loss.scale}. Received: the classifier "
            f"{head.name!r}, a {type(head).__name__}{scale}. Make the model "
            "with `classifier=keras_lt.layers.CosineClassifier(num_classes, "
            f"scale={loss.scale})`."
        )


def check_num_classes(objective: Objective, num_classes: int) -> None:
    """Raises if an objective is for another number of classes."""
    if objective.num_classes in (None, num_classes):
        return
    raise ValueError(
        "An objective must be for as many classes as the model has, "
        f"{num_classes}. Received: {objective.name!r} for "
        f"{objective.num_classes} classes. Use `keras_lt.class_counts(labels, "
        f"num_classes={num_classes})`."
    )
