"""Models from images to features and logits, of models as users have them."""

from typing import Any

import keras

from keras_lt.graph import check_runs_its_graph
from keras_lt.graph import feature_extractor
from keras_lt.graph import gives_probabilities
from keras_lt.graph import innermost_last


def teacher_graph(model: Any, features: str | None) -> keras.Model:
    """Returns a model with the outputs `features` and, if any, `logits`.

    Args:
        model: A functional or sequential model with one input and output.
        features: Name of a layer, or None for a model that ends in a feature
            map.

    Raises:
        ValueError: If the model is no such graph, or the features cannot be
            told.
    """
    _check_graph(model)
    image, end = model.inputs[0], model.outputs[0]
    if features is None:
        if len(end.shape) == 2:
            raise ValueError(
                "The features of a teacher must be named where the model ends "
                f"in a vector. Received: {model.name!r}, which returns "
                f"{tuple(end.shape)}. Pass `Teacher(model, features=name)`; "
                f"the last of its layers are {_last_names(model)}."
            )
        return keras.Model(image, {"features": end})
    both = feature_extractor(model, [features])
    found, end = both.output[f"features/{features}"], both.output["features"]
    outputs = {"features": found}
    if end is not found and len(end.shape) == 2:
        if not gives_probabilities(innermost_last(model)):
            outputs["logits"] = end
    return keras.Model(both.input, outputs)


def _check_graph(model: Any) -> None:
    try:
        ends = [model.inputs, model.outputs]
    except (AttributeError, ValueError):
        ends = [None, None]
    if all(end is not None and len(end) == 1 for end in ends):
        check_runs_its_graph("teachers", model)
        return
    name = getattr(model, "name", model)
    raise ValueError(
        "A teacher must be a LongTailModel, an EarlyExitModel, or a built "
        "functional or sequential model with one input and one output. "
        f"Received: {name!r}, a {type(model).__name__}. Call its layers one "
        "after the other, from a `keras.Input` on, and make a `keras.Model`."
    )


def _last_names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers[-3:]]
