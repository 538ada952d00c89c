"""Makes one graph of layers that follow one another."""

from collections.abc import Sequence

import keras


def chain(
    layers: Sequence[keras.layers.Layer],
    input_shape: tuple[int | None, ...] | None = None,
) -> keras.Model:
    """Returns a functional model that calls the layers in turn.

    Args:
        layers: Layers or models; each takes what the one before returned.
        input_shape: Shape of an example, without the batch; needed unless
            the first layer is a model that knows it.
    """
    inputs = getattr(layers[0], "inputs", None)
    if input_shape is None:
        if not inputs:
            raise ValueError(
                "The shape of an image must be known. Received: "
                f"input_shape=None, and the first stage, {layers[0].name!r}, "
                "does not know its inputs. Pass `input_shape`, without the "
                "batch."
            )
        input_shape = tuple(inputs[0].shape[1:])
    dtype = inputs[0].dtype if inputs else None
    images = x = keras.Input(input_shape, dtype=dtype, name="images")
    for layer in layers:
        x = layer(x)
    return keras.Model(images, x)
