"""Cuts out the middle, to evaluate on."""

import numpy as np

from keras_lt.data.transforms.crop import Box
from keras_lt.data.transforms.crop import Crop
from keras_lt.data.transforms.random_resized_crop import middle


class CenterCrop(Crop):
    """Cuts the middle out of each image, without distorting it.

    The usual evaluation resizes the shorter side to 256 pixels, and cuts 224 x
    224 out of the middle. That is a `fraction` of 224 / 256, the default.

    Args:
        fraction: Side of the part by that of the largest that has the shape
            of the images of the batch, above 0 and at most 1.

    Raises:
        ValueError: If `fraction` is out of range.

    Example:

    >>> images, labels = np.zeros((2, 32, 32, 3), "uint8"), np.array([0, 1])
    >>> crop = keras_lt.data.transforms.CenterCrop()
    >>> crop.box(256, 341, 1.0, None)
    (16, 58, 224, 224)
    """

    random = False

    def __init__(self, fraction: float = 224 / 256):
        if not 0 < fraction <= 1:
            raise ValueError(
                "`fraction` must be greater than 0 and at most 1. Received: "
                f"fraction={fraction}."
            )
        self.fraction = fraction

    def box(
        self,
        height: int,
        width: int,
        aspect_ratio: float,
        numbers: np.ndarray | None = None,
    ) -> Box:
        return middle(height, width, aspect_ratio, self.fraction)
