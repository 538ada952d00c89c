"""Lets a model answer data of any form, and keeps the labels with it."""

from typing import Any

import keras
import numpy as np

from keras_lt.data.epoch_data import EpochData
from keras_lt.data.padded_prediction import predict_batches
from keras_lt.data.random_transforms import warn_of_random_batches
from keras_lt.graph import new_input
from keras_lt.models import EarlyExitModel


def answers_and_labels(
    model: keras.Model, x: Any, y: Any = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns what each output of a model answers, and the class ids.

    The labels come from the same batches as the answers, so that they belong
    together whatever the order.

    Args:
        model: Any model whose outputs are arrays.
        x: Images, or `Batches` or other data of `fit` that hold the labels.
        y: Class ids, if `x` does not hold them.
    """
    warn_of_random_batches(x, stacklevel=4)
    answers: list[list[np.ndarray]] = []
    labels: list[np.ndarray] = []
    for outputs, ids in predict_batches(model, EpochData(x, y).batches()):
        if not isinstance(outputs, list | tuple):
            outputs = [outputs]
        answers.append(list(outputs))
        labels.append(ids)
    if not labels:
        raise ValueError(
            "The data must hold one example or more. Received: no batches."
        )
    return (
        [np.concatenate(parts) for parts in zip(*answers, strict=True)],
        np.concatenate(labels),
    )


def exit_logit_model(model: keras.Model) -> keras.Model:
    """Returns a model that answers `(n, classes)` or `(n, exits, classes)`."""
    if not isinstance(model, EarlyExitModel):
        return model
    images = new_input(model.backbone)
    return keras.Model(images, model(images)["exits"])
