"""The shortcut without parameters of residual networks for small images."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_positive_int


@serializable
class ZeroPaddingShortcut(keras.layers.Layer):
    """Takes every second pixel and adds channels of zeros on both sides.

    Where a stage halves the image and doubles the channels, the input of a
    residual block has another shape than its output. This shortcut, "option A"
    of the paper, closes the gap without a parameter, as the networks that
    long-tailed results on CIFAR are reported with do.

    Args:
        filters: Number of channels of the output. What it has more than the
            input is split evenly over the two sides.
        strides: Every how many pixels one is kept.
        **kwargs: `name` and others, as in `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`, with at most `filters` channels.

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Raises:
        ValueError: If the input has more channels than `filters`.

    Example:

    >>> shortcut = ZeroPaddingShortcut(filters=4)
    >>> shortcut(np.ones((1, 8, 8, 2))).shape == (1, 4, 4, 4)
    True

    Reference:

    - [He et al., 2016](https://arxiv.org/abs/1512.03385), section 4.2.
    """

    def __init__(self, filters: int, strides: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = check_positive_int("filters", filters)
        self.strides = check_positive_int("strides", strides)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Splits the missing channels over the two sides."""
        channels = input_shape[-1]
        missing = -1 if channels is None else self.filters - channels
        if missing < 0:
            raise ValueError(
                "A shortcut can add channels, not drop them: `filters` must "
                f"be at least the {channels} channels of the input. "
                f"Received: filters={self.filters}. Use a larger number."
            )
        self._sides = (missing // 2, missing - missing // 2)

    def call(self, inputs: Tensor) -> Tensor:
        """Returns the subsampled input between channels of zeros."""
        kept = inputs[:, :: self.strides, :: self.strides, :]
        return ops.pad(kept, ((0, 0), (0, 0), (0, 0), self._sides))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output, which `build` checks."""
        batch, height, width, _ = input_shape
        return (batch, self._kept(height), self._kept(width), self.filters)

    def get_config(self) -> Config:
        """Returns the arguments of the layer."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
        }

    def _kept(self, size: int | None) -> int | None:
        return None if size is None else -(-size // self.strides)
