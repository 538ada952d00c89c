"""Finds the layers inside of layers, and what they train."""

from typing import Any

import keras


def all_layers(root: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all that are inside it, at any depth, in order.

    `model.layers` lists those of a model alone, not what a layer of it holds.

    A private method of Keras knows them, and has no public counterpart: another
    version of Keras may call it by another name, which is to be changed here.
    """
    return list(root._flatten_layers())


def variables_to_train(root: keras.layers.Layer) -> list[keras.Variable]:
    """Returns what a layer and those inside it train, if nothing is frozen."""
    own = [v for layer in all_layers(root) for v in own_to_train(layer)]
    return list({id(variable): variable for variable in own}.values())


def own_to_train(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns what a layer itself trains, without those inside, if not frozen.

    `trainable_variables` leaves out what is frozen at the moment. The list of a
    layer is private in Keras, as above.
    """
    return list(layer._trainable_variables)


def constants_of(root: keras.layers.Layer) -> list[Any]:
    """Returns tensors that layers compute with beside their variables.

    They are built into what is compiled. `use_assigned_values` says which.
    """
    return [
        tensor
        for layer in all_layers(root)
        if isinstance(layer, keras.layers.Normalization)
        for tensor in (layer.mean, layer.variance)
    ]


def use_assigned_values(root: keras.layers.Layer) -> None:
    """Has layers compute with the values that their variables were given.

    `keras.layers.Normalization` computes with copies of its variables, which
    Keras makes anew when it reads a file, but not when a value is assigned.
    """
    for layer in all_layers(root):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
