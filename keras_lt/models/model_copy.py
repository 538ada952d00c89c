"""Copies a model, with another classifier if need be."""

from collections.abc import Iterable
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
    copy_values(_variables(model, left_out), _variables(copy, left_out))
    return copy


def copy_values(
    sources: Iterable[keras.Variable], targets: Iterable[keras.Variable]
) -> None:
    """Gives variables the values of others, of which there are as many."""
    for source, target in zip(sources, targets, strict=True):
        # By way of NumPy: on JAX the two would share memory, and the training
        # of one would free that of the other.
        target.assign(np.array(keras.ops.convert_to_numpy(source)))


def _variables(
    model: keras.Model, without_classifiers: bool
) -> list[keras.Variable]:
    """Returns what makes up the answers of a model, in order."""
    if not isinstance(model, ClassificationModel):
        return model.variables
    if not without_classifiers:
        return model.own_variables
    ignored = {
        id(variable)
        for layer in model.classifiers()
        for variable in layer.variables
    }
    return [v for v in model.own_variables if id(v) not in ignored]
