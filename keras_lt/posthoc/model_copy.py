"""Copies a model, with another classifier if need be."""

from typing import Any

import keras
import numpy as np

from keras_lt.models.classification_model import ClassificationModel
from keras_lt.types import Config


def copy_of(model: keras.Model, **changes: Any) -> keras.Model:
    """Returns a model that shares nothing with this one.

    Args:
        model: Any functional or sequential model, or one of this library.
        **changes: Arguments of a model of this library that are to be others.
            With another `classifier`, the weights of classifiers are left as
            they are made.
    """
    if isinstance(model, ClassificationModel):
        # Not Keras's clone, which would be compiled with other objectives.
        config: Config = {**model.get_config(), **changes}
        copy = type(model).from_config(config)
    else:
        copy = keras.models.clone_model(model)
    left_out = "classifier" in changes
    pairs = zip(
        _variables(copy, left_out), _variables(model, left_out), strict=True
    )
    for variable, value in pairs:
        # By way of NumPy: on JAX the two would share memory, and the training
        # of one would free that of the other.
        variable.assign(np.array(keras.ops.convert_to_numpy(value)))
    return copy


def _variables(
    model: keras.Model, without_classifiers: bool
) -> list[keras.Variable]:
    """Returns what makes up the answers of a model, in order."""
    others: list[Any] = []
    if isinstance(model, ClassificationModel):
        others += model.objective_list.variables
        if without_classifiers:
            for layer in model.classifiers():
                others += layer.variables
    ignored = {id(variable) for variable in others}
    return [v for v in model.variables if id(v) not in ignored]
