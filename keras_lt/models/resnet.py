"""Residual networks for small images, as the long-tailed literature has them.

They differ from the networks of the same names for large images, and from
what Keras builds by habit, in ways that show in the results: a convolution
with stride 2 is padded by one pixel on each side, the shortcut has no
parameters, and weight decay is a part of the gradient.
"""

from typing import Any

import keras
from keras import layers

from keras_lt.layers import BatchNormalization
from keras_lt.layers import Conv2D
from keras_lt.models.zero_padding_shortcut import ZeroPaddingShortcut
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive_int


def resnet20(
    input_shape: tuple[int, int, int] = (32, 32, 3), **kwargs: Any
) -> keras.Model:
    """Builds a residual network of 20 layers (0.27 M parameters).

    Args:
        input_shape: As in `resnet32`.
        **kwargs: `pooling`, `synchronized`, `weight_decay`, `width` and
            `name`, as in `resnet32`.

    Example:

    >>> resnet20((8, 8, 1), pooling="avg").output_shape
    (None, 64)
    """
    return _resnet(3, input_shape, **{"name": "resnet20", **kwargs})


def resnet32(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    pooling: str | None = None,
    synchronized: bool = False,
    weight_decay: float = 0.0,
    width: int = 16,
    name: str = "resnet32",
) -> keras.Model:
    """Builds the residual network of 32 layers that CIFAR-LT is reported with.

    A convolution, then three stages of five blocks with 16, 32 and 64 channels
    and half the pixels each time; 0.46 M parameters. With the same weights it
    gives the same outputs as the PyTorch network of the LDAM paper. One thing
    differs in training: Keras averages the biased variance of a batch, PyTorch
    the unbiased one, which is larger by 1 in 8,000 at most in batches of 128.

    Args:
        input_shape: `(height, width, channels)` of the images. Small images,
            such as `(8, 8, 1)`, work too.
        pooling: `None` for the last feature map, or `"avg"` for its mean over
            all pixels: one vector per image.
        synchronized: Whether batch normalization uses the statistics of all
            replicas of `tf.distribute`, not of one. On TensorFlow only; on
            JAX, `DataParallel` does so by itself.
        weight_decay: Decay of every trainable weight, batch normalization
            included, as a part of the gradient: what `weight_decay` is in
            PyTorch's SGD, and is not in that of Keras. 2e-4 in the recipe of
            LDAM.
        width: Number of channels of the first stage; the others have twice and
            four times as many.
        name: Name of the model.

    Returns:
        A functional model whose layers `stage_1`, `stage_2` and `stage_3` are
        the outputs of the stages.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> backbone = resnet32((32, 32, 3))
    >>> backbone.output_shape
    (None, 8, 8, 64)
    >>> backbone.get_layer("stage_1").output.shape
    (None, 32, 32, 16)

    Reference:

    - [He et al., 2016](https://arxiv.org/abs/1512.03385), section 4.2.
    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), section 4.
    """
    return _resnet(
        5, input_shape, pooling, synchronized, weight_decay, width, name
    )


def resnet44(
    input_shape: tuple[int, int, int] = (32, 32, 3), **kwargs: Any
) -> keras.Model:
    """Builds a residual network of 44 layers (0.66 M parameters).

    Args:
        input_shape: As in `resnet32`.
        **kwargs: `pooling`, `synchronized`, `weight_decay`, `width` and
            `name`, as in `resnet32`.

    Example:

    >>> resnet44().get_layer("stage_2").output.shape
    (None, 16, 16, 32)
    """
    return _resnet(7, input_shape, **{"name": "resnet44", **kwargs})


def resnet56(
    input_shape: tuple[int, int, int] = (32, 32, 3), **kwargs: Any
) -> keras.Model:
    """Builds a residual network of 56 layers (0.85 M parameters).

    Args:
        input_shape: As in `resnet32`.
        **kwargs: `pooling`, `synchronized`, `weight_decay`, `width` and
            `name`, as in `resnet32`.

    Example:

    >>> resnet56(width=8, pooling="avg").output_shape
    (None, 32)
    """
    return _resnet(9, input_shape, **{"name": "resnet56", **kwargs})


def _resnet(
    blocks: int,
    input_shape: tuple[int, int, int],
    pooling: str | None = None,
    synchronized: bool = False,
    weight_decay: float = 0.0,
    width: int = 16,
    name: str = "resnet",
) -> keras.Model:
    _check_input_shape(input_shape)
    check_choice("pooling", pooling, (None, "avg"))
    check_positive_int("width", width)
    parts = _Parts(
        check_not_negative("weight_decay", weight_decay), synchronized
    )
    images = keras.Input(tuple(input_shape), name="images")
    x = parts.convolution(images, width, 1, "stem")
    x = layers.ReLU(name="stem")(parts.normalization(x, "stem"))
    for stage, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for block in range(1, blocks + 1):
            first = stage > 1 and block == 1
            label = f"stage_{stage}"
            output = label if block == blocks else f"{label}_block_{block}"
            x = parts.block(
                x, filters, 2 if first else 1, f"{label}_block_{block}", output
            )
    if pooling == "avg":
        x = layers.GlobalAveragePooling2D(
            data_format="channels_last", name="avg_pool"
        )(x)
    return keras.Model(images, x, name=name)


class _Parts:
    """Makes the layers, all with the same decay and normalization."""

    def __init__(self, weight_decay: float, synchronized: bool) -> None:
        self.weight_decay = weight_decay
        self.synchronized = synchronized

    def block(
        self, x: Tensor, filters: int, strides: int, name: str, output: str
    ) -> Tensor:
        y = self.convolution(x, filters, strides, f"{name}_1")
        y = self.normalization(y, f"{name}_1")
        y = layers.ReLU(name=f"{name}_1")(y)
        y = self.convolution(y, filters, 1, f"{name}_2")
        y = self.normalization(y, f"{name}_2")
        if strides > 1:
            x = ZeroPaddingShortcut(filters, strides, name=f"{name}_shortcut")(
                x
            )
        return layers.ReLU(name=output)(layers.Add(name=f"{name}_add")([x, y]))

    def convolution(
        self, x: Tensor, filters: int, strides: int, name: str
    ) -> Tensor:
        # "same" pads one pixel on each side at stride 1. At stride 2 it would
        # pad on one side alone, and shift the taps against the shortcut.
        if strides > 1:
            x = layers.ZeroPadding2D(
                1, data_format="channels_last", name=f"{name}_pad"
            )(x)
        return Conv2D(
            filters,
            3,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            data_format="channels_last",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(
                2.0, mode="fan_in", distribution="untruncated_normal"
            ),
            kernel_regularizer=self._decay(),
            name=f"{name}_conv",
        )(x)

    def normalization(self, x: Tensor, name: str) -> Tensor:
        return BatchNormalization(
            momentum=0.9,
            epsilon=1e-5,
            gamma_regularizer=self._decay(),
            beta_regularizer=self._decay(),
            synchronized=self.synchronized,
            name=f"{name}_bn",
        )(x)

    def _decay(self) -> keras.regularizers.Regularizer | None:
        if not self.weight_decay:
            return None
        # The gradient of L2(c) is 2 * c * theta.
        return keras.regularizers.L2(self.weight_decay / 2)


def _check_input_shape(input_shape: tuple[int, int, int]) -> None:
    if len(input_shape) != 3 or not input_shape[-1]:
        raise ValueError(
            "`input_shape` must be (height, width, channels), without the "
            f"batch. Received: input_shape={tuple(input_shape)}. For images "
            "in grey, use 1 channel."
        )
