"""Says how layers are quantized and frozen, and makes others so."""

from collections.abc import Sequence

import keras

from keras_lt.graph.layer_tree import all_layers
from keras_lt.types import Config


def states_of(parts: Sequence[keras.layers.Layer]) -> Config:
    """Returns what is quantized or frozen inside of parts, by its place.

    A layer that is serialized says so itself. This is for those that a model
    makes anew from its settings.
    """
    found = {}
    for place, layer in enumerate(_layers_inside(parts)):
        state: Config = {}
        if not layer.trainable:
            state["trainable"] = False
        mode = getattr(layer, "quantization_mode", None)
        if mode is not None:
            state["mode"] = mode
            state["config"] = keras.saving.serialize_keras_object(
                getattr(layer, "quantization_config", None)
            )
        if state:
            found[str(place)] = state
    return found


def set_states(
    parts: Sequence[keras.layers.Layer], states: Config | None
) -> None:
    """Quantizes and freezes the layers inside of parts as `states_of` says.

    If it has said nothing, they stay as they were made.
    """
    if states is None:
        return
    for place, layer in enumerate(_layers_inside(parts)):
        state = states.get(str(place), {})
        is_quantized = getattr(layer, "quantization_mode", None) is not None
        if "mode" in state and not is_quantized:
            config = keras.saving.deserialize_keras_object(state["config"])
            layer.quantize(state["mode"], config=config)
        # Outer layers first, as they pass it on. Some begin as frozen ones.
        if layer.trainable != state.get("trainable", True):
            layer.trainable = not layer.trainable


def _layers_inside(
    parts: Sequence[keras.layers.Layer],
) -> list[keras.layers.Layer]:
    return [layer for part in parts for layer in all_layers(part)]
