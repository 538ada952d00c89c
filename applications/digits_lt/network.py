"""A small convolutional network for images of 8 x 8 pixels."""

import keras
from keras import layers


def digits_network(width: int = 32) -> keras.Model:
    """Builds three stages of two convolutions, 84,000 parameters in all.

    It compiles in a few seconds, which is most of what a run on so few images
    takes. The stages end in layers named `stage_1` to `stage_3`.

    Args:
        width: Channels of the first stage; the others have as many and twice
            as many.
    """
    images = keras.Input((8, 8, 1), name="images")
    x = images
    for stage, filters in enumerate((width, width, 2 * width), start=1):
        strides = 1 if stage == 1 else 2
        x = _convolution(x, filters, strides, f"stage_{stage}_1")
        x = _convolution(x, filters, 1, f"stage_{stage}")
    return keras.Model(images, x, name="digits_network")


def _convolution(
    x: keras.KerasTensor, filters: int, strides: int, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.ReLU(name=name)(x)
