"""Says how layers are quantized, and quantizes others like them."""

from collections.abc import Sequence

import keras

from keras_lt.graph.layer_tree import all_layers
from keras_lt.types import Config


def quantization_of(parts: Sequence[keras.layers.Layer]) -> Config:
    """Returns how the layers inside of parts are quantized, by their place.

    A layer that is serialized says so itself. This is for those that a model
    makes anew from its settings.
    """
    return {
        str(place): {
            "mode": layer.quantization_mode,
            "config": keras.saving.serialize_keras_object(
                getattr(layer, "quantization_config", None)
            ),
        }
        for place, layer in enumerate(_layers_inside(parts))
        if getattr(layer, "quantization_mode", None) is not None
    }


def quantize(parts: Sequence[keras.layers.Layer], quantization: Config) -> None:
    """Quantizes the layers inside of parts as `quantization_of` says."""
    layers = _layers_inside(parts)
    for place, how in quantization.items():
        config = keras.saving.deserialize_keras_object(how["config"])
        layers[int(place)].quantize(how["mode"], config=config)


def _layers_inside(
    parts: Sequence[keras.layers.Layer],
) -> list[keras.layers.Layer]:
    return [layer for part in parts for layer in all_layers(part)]
