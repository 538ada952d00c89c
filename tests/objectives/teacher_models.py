"""Networks to be taught by, and what a teacher reads from them."""

import keras

from tests.models.small_models import CLASSES


def plain_layers(end=None, classes=CLASSES):
    """Returns a model that ends in logits, or in `end`, layer by layer."""
    inputs = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(5, 3, name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(maps)
    outputs = keras.layers.Dense(classes, name="logits")(pooled)
    return inputs, maps, pooled, end(outputs) if end else outputs


def twice():
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(3, name="twice")
    return keras.Model(inputs, layer(layer(inputs)))
