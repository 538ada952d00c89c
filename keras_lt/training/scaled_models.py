"""Gives a trained model scales of its logits that can be trained."""

from typing import Any

import keras

from keras_lt.graph import is_graph
from keras_lt.graph.layer_tree import use_assigned_values
from keras_lt.layers import LearnableWeightScaling
from keras_lt.models import ClassificationModel
from keras_lt.models.model_copy import copy_of
from keras_lt.models.model_copy import copy_values


def with_weight_scaling(
    model: keras.Model, classifier: str = "classifier"
) -> keras.Model:
    """Returns a copy whose classifiers have a learnable scale per class.

    Each classifier is wrapped in a `layers.LearnableWeightScaling`, which
    keeps its name. All weights are those of `model`, and all scales are 1, so
    that the copy gives the same logits until the stage `weight_scaling` has
    trained it.

    Args:
        model: A `LongTailModel` or an `EarlyExitModel`, of which the
            classifier of each exit is wrapped, or any functional or sequential
            model. It stays as it is.
        classifier: For other models than those of this library: the name of
            the layer that makes the logits.

    Returns:
        A model of the same class with weights of its own, not compiled.

    Raises:
        ValueError: If no layer, or more than one, has the name of the
            classifier, it has an activation, or the model is not a graph.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((2,)), keras.layers.Dense(3, name="logits")]
    ... )
    >>> scaled = with_weight_scaling(model, classifier="logits")
    >>> [variable.name for variable in scaled.trainable_variables]
    ['scales']

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.
    """
    if isinstance(model, ClassificationModel):
        return _scaled_classification_model(model)
    if not is_graph(model):
        raise ValueError(
            "`model` must be a LongTailModel, an EarlyExitModel, or a "
            "functional or built sequential model, which can be copied layer "
            f"by layer. Received: {model!r}. Wrap its backbone in a "
            "`keras_lt.LongTailModel`."
        )
    return _scaled_graph(model, classifier)


def _scaled_classification_model(
    model: ClassificationModel,
) -> ClassificationModel:
    wrapped = LearnableWeightScaling(
        _copy_of(model.classifiers()[-1]), name=model.classifiers()[-1].name
    )
    serialized = keras.saving.serialize_keras_object(wrapped)
    copy = copy_of(model, classifier=serialized)
    pairs = zip(model.classifiers(), copy.classifiers(), strict=True)
    for layer, scaled in pairs:
        copy_values(layer.variables, scaled.classifier.variables)
    return copy


def _scaled_graph(model: keras.Model, classifier: str) -> keras.Model:
    copies: list[tuple[Any, Any]] = []
    wrapped: list[LearnableWeightScaling] = []

    def clone(layer: Any) -> Any:
        copy = _copy_of(layer)
        copies.append((layer, copy))
        if layer.name != classifier:
            return copy
        wrapped.append(LearnableWeightScaling(copy, name=classifier))
        return wrapped[-1]

    made = keras.models.clone_model(model, clone_function=clone, recursive=True)
    if len(wrapped) != 1:
        raise ValueError(
            "`classifier` must be the name of the one layer that makes the "
            f"logits. Received: classifier={classifier!r}, which is that of "
            f"{len(wrapped)} among {len(copies)} layers, from "
            f"{copies[0][0].name!r} to {copies[-1][0].name!r}. See "
            "`model.layers` for the names."
        )
    for layer, copy in copies:
        copy_values(layer.variables, copy.variables)
    use_assigned_values(made)
    return made


def _copy_of(layer: Any) -> Any:
    """Returns a layer of the same configuration, with weights of its own."""
    return type(layer).from_config(layer.get_config())
