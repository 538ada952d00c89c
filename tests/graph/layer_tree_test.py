"""All layers, wherever they are."""

import keras

from keras_lt.graph.layer_tree import all_layers


class Holder(keras.layers.Layer):
    """A plain layer with layers inside, which `model.layers` does not list."""

    def __init__(self, inside, **kwargs):
        super().__init__(**kwargs)
        self.inside = inside

    def call(self, inputs):
        for layer in self.inside:
            inputs = layer(inputs)
        return inputs


def test_layers_inside_of_layers_are_found():
    innermost = keras.layers.Dense(2, name="innermost")
    nested = keras.Sequential(
        [keras.Input((3,)), keras.layers.ReLU(name="relu"), innermost],
        name="nested",
    )
    holder = Holder([keras.layers.Dropout(0.5, name="drop"), nested], name="h")
    images = keras.Input((3,), name="images")
    model = keras.Model(images, holder(images), name="model")
    found = [layer.name for layer in all_layers(model)]
    assert len(found) == len(set(found))
    assert {"images", "h", "drop", "nested", "relu", "innermost"} < set(found)
    assert found[0] == "model"
    assert found.index("h") < found.index("nested") < found.index("innermost")
