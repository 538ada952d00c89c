"""Copies a model, with another classifier if need be."""

import contextlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_lt.graph.layer_tree import all_layers
from keras_lt.graph.layer_tree import use_assigned_values
from keras_lt.layers.low_rank_updates import adapted_layers
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
        if "classifier" in changes:
            config.pop("made_classifiers", None)
        copy = type(model).from_config(config)
    else:
        copy = keras.models.clone_model(model)
    left_out: list[keras.layers.Layer] = []
    for one in (model, copy):
        if "classifier" in changes:
            left_out += one.classifiers()
    own = isinstance(model, ClassificationModel)
    if own and adapted_layers(model.backbone):
        _copy_merged(model.backbone, copy.backbone)
        left_out += [model.backbone, copy.backbone]
    with contextlib.ExitStack() as stack:
        if own:
            stack.enter_context(model.lasting_weights.in_place())
        copy_values(_variables(model, left_out), _variables(copy, left_out))
    use_assigned_values(copy)
    return copy


def _copy_merged(source: keras.Model, target: keras.Model) -> None:
    """Copies kernels with their low-rank updates added, as in a file.

    The copy may lack the updates, of which configurations do not always tell.
    """
    for one, other in zip(all_layers(source), all_layers(target), strict=True):
        store: dict[str, Any] = {}
        one.save_own_variables(store)
        arrays = {
            name: np.array(keras.ops.convert_to_numpy(value))
            for name, value in store.items()
        }
        other.load_own_variables(arrays)


def copy_values(
    sources: Iterable[keras.Variable], targets: Iterable[keras.Variable]
) -> None:
    """Gives variables the values of others, of which there are as many."""
    for source, target in zip(sources, targets, strict=True):
        # By way of NumPy: on JAX the two would share memory, and the training
        # of one would free that of the other.
        target.assign(np.array(keras.ops.convert_to_numpy(source)))


def _variables(
    model: keras.Model, without: Iterable[keras.layers.Layer]
) -> list[keras.Variable]:
    """Returns what makes up the answers of a model, in order."""
    if not isinstance(model, ClassificationModel):
        return model.variables
    ignored = {id(v) for layer in without for v in layer.variables}
    return [v for v in model.own_variables if id(v) not in ignored]
