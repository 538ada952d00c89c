"""Finds what Keras adds to a layer with `enable_lora`, and trains it alone."""

import keras

from keras_lt.graph.layer_tree import all_layers

ADAPTABLE = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
"""Layers that can have low-rank updates of their kernel."""


def adaptable_layers(root: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers inside a layer that can have updates, in order."""
    inside = all_layers(root)
    return [layer for layer in inside if isinstance(layer, ADAPTABLE)]


def adapted_layers(root: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers inside a layer that have updates, in order."""
    return [layer for layer in adaptable_layers(root) if layer.lora_enabled]


def train_updates_alone(root: keras.layers.Layer) -> None:
    """Trains the updates inside a layer, and freezes all else in it."""
    root.trainable = True
    for layer in all_layers(root):
        # A whole layer, as batch normalization goes by that.
        if not adapted_layers(layer):
            layer.trainable = False
    updates = {
        id(variable)
        for layer in adapted_layers(root)
        for variable in (layer.lora_kernel_a, layer.lora_kernel_b)
    }
    for variable in root.weights:
        variable.trainable = id(variable) in updates
