"""Reads the outputs of named layers of a backbone."""

import difflib
from collections.abc import Sequence
from typing import Any

import keras


def check_backbone(backbone: Any) -> None:
    """Raises unless `backbone` is a graph with one input and one output."""
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
    outputs = {"features": backbone.outputs[0]}
    for name in layer_names:
        outputs[f"features/{name}"] = _layer_output(backbone, name)
    return keras.Model(
        backbone.inputs[0], outputs, name=f"{backbone.name}_features"
    )


def _layer_output(backbone: keras.Model, name: str) -> Any:
    calls = {
        layer["name"]: len(layer.get("inbound_nodes", [None]))
        for layer in backbone.get_config()["layers"]
        if "name" in layer
    }
    names = [layer.name for layer in backbone.layers]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
        raise ValueError(
            "`feature_layers` must name layers of the backbone. Received: "
            f"{name!r}, which {backbone.name!r} does not have. The nearest of "
            f"its {len(names)} names: {near or names[-3:]}."
        )
    if calls.get(name, 1) > 1:
        raise ValueError(
            "`feature_layers` must name layers that are called once. "
            f"Received: {name!r}, which {backbone.name!r} calls {calls[name]} "
            "times. Follow it by a layer of its own, such as "
            "`keras.layers.Identity(name=...)`, and name that."
        )
    return backbone.get_layer(name).output
