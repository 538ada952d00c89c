"""Reads the outputs of named layers of a backbone."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.graph.layer_names import LayerNames
from keras_lt.graph.operations import activation_name
from keras_lt.graph.operations import innermost_last
from keras_lt.graph.operations import is_graph
from keras_lt.graph.parts import single_ends
from keras_lt.graph.parts import split


def check_backbone(backbone: Any) -> None:
    """Raises unless `backbone` is a graph from one input to features."""
    if not isinstance(backbone, (keras.Model, keras.Sequential)):
        raise ValueError(
            "`backbone` must be a functional Keras model. Received: "
            f"backbone={backbone!r}. Make one with `keras.Model(inputs, "
            "outputs)`, or use `keras_lt.models.resnet32`."
        )
    try:
        ends = {"inputs": backbone.inputs, "outputs": backbone.outputs}
    except (AttributeError, ValueError):
        ends = {"inputs": None, "outputs": None}
    for side, tensors in ends.items():
        if tensors is None:
            raise ValueError(
                "`backbone` must be a functional Keras model, whose layers "
                "form a graph. Received: the subclassed or unbuilt model "
                f"{backbone.name!r}. Call it on a `keras.Input` and make a "
                "`keras.Model` of the result."
            )
        if len(tensors) != 1:
            raise ValueError(
                f"`backbone` must have one of its `{side}`. Received: "
                f"{len(tensors)} {side} of {backbone.name!r}. Make a "
                "`keras.Model` with the one that matters."
            )
    is_sequential = isinstance(backbone, keras.Sequential)
    if not is_sequential and keras.tree.is_nested(backbone.output):
        raise ValueError(
            "`backbone` must return a tensor. Received: "
            f"{backbone.name!r}, which returns a "
            f"{type(backbone.output).__name__} of one. Make a `keras.Model("
            "backbone.input, backbone.outputs[0])`."
        )
    last = innermost_last(backbone)
    if activation_name(last) == "softmax":
        raise ValueError(
            "`backbone` must return features, not probabilities. Received: "
            f"{backbone.name!r}, which ends with a softmax in the layer "
            f"{last.name!r}. Leave out its classifier: pass "
            "`include_top=False` where the network has it, or use `keras.Model("
            "backbone.input, backbone.layers[-2].output)`."
        )


def check_runs_its_graph(name: str, model: keras.Model) -> None:
    """Raises unless the graph of a functional model is all that it does."""
    if not is_graph(model):
        raise ValueError(
            f"`{name}` must be a model that only runs its graph, as each part "
            f"of the graph is called alone. Received: {model.name!r}, whose "
            f"class {type(model).__name__} has a `call` of its own. Make "
            "a `keras.Model` of what it does, step by step."
        )


def feature_extractor(
    backbone: keras.Model, layer_names: Sequence[str]
) -> keras.Model:
    """Returns a model with the outputs of `layer_names` beside the last one.

    Its outputs are a mapping with `features`, which is the output of the
    backbone, and `features/<name>` for each layer. Without names, it is the
    backbone itself.
    """
    if not layer_names:
        return backbone
    check_runs_its_graph("backbone", backbone)
    names = LayerNames(backbone)
    taps = {
        name: names.find("feature_layers", name).steps for name in layer_names
    }
    (whole,) = split(single_ends(backbone), [], taps)
    outputs = dict(whole.model.output)
    return keras.Model(
        whole.model.input,
        {"features": outputs.pop("out"), **outputs},
        name=f"{backbone.name}_features",
    )
