"""Finds the layers inside of layers."""

import keras


def all_layers(root: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all that are inside it, at any depth, in order.

    `model.layers` lists those of a model alone, not what a layer of it holds.

    A private method of Keras knows them, and has no public counterpart: another
    version of Keras may call it by another name, which is to be changed here.
    """
    return list(root._flatten_layers())
