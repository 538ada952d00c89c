"""A convolution that leaves the maps where they are on PyTorch."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Tensor


@serializable
class Conv2D(keras.layers.Conv2D):
    """Convolution of Keras, without two copies of its input on PyTorch.

    Maps of shape `(batch, height, width, channels)` are what PyTorch calls
    `channels_last`, and has kernels for. Keras copies them to the other order
    and back before each convolution. Arguments, weights, equations and files
    of weights are those of Keras: a layer of the one class takes the weights
    of the other.

    On TensorFlow and JAX, and with `data_format="channels_first"`, this is the
    layer of Keras.

    Args:
        filters: Number of channels of the output.
        kernel_size: Height and width of the kernel, one number or two.
        **kwargs: `strides`, `padding`, `dilation_rate`, `groups` and all
            others, as in `keras.layers.Conv2D`.

    Example:

    >>> layer = keras_lt.layers.Conv2D(16, 3, padding="same")
    >>> layer(np.zeros((2, 8, 8, 3))).shape == (2, 8, 8, 16)
    True
    """

    def __init__(
        self, filters: int, kernel_size: int | tuple[int, int], **kwargs: Any
    ):
        super().__init__(filters, kernel_size, **kwargs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        is_torch = keras.config.backend() == "torch"
        if not is_torch or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        from torch.nn import functional

        maps = ops.convert_to_tensor(inputs).permute(0, 3, 1, 2)
        (top, bottom), (left, right) = self._pads(maps.shape[2:])
        if top == bottom and left == right:
            pads = (top, left)
        else:
            maps = functional.pad(maps, (left, right, top, bottom))
            pads = (0, 0)
        found = functional.conv2d(
            maps,
            ops.convert_to_tensor(kernel).permute(3, 2, 0, 1),
            stride=self.strides,
            padding=pads,
            dilation=self.dilation_rate,
            groups=self.groups,
        )
        return found.permute(0, 2, 3, 1)

    def _pads(self, size: tuple[int, ...]) -> list[tuple[int, int]]:
        """Returns the pixels to add before and after, of each axis."""
        if self.padding == "valid":
            return [(0, 0), (0, 0)]
        pads = []
        for length, kernel, stride, dilation in zip(
            size,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            strict=True,
        ):
            covered = (length - 1) // stride * stride
            covered += dilation * (kernel - 1) + 1
            total = max(covered - length, 0)
            pads.append((total // 2, total - total // 2))
        return pads
