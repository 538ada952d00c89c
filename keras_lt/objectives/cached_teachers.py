"""Teachers whose outputs come with the batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_lt.types import Tensor


class CachedTeachers:
    """Reads what a cache has put beside the labels of a batch.

    Args:
        cache: The cache, with one teacher or more in it.

    Attributes:
        feature_dims: Size of the features of each teacher.
        num_classes: Number of logits; None if there are none.
        image_shape: None, as no image is looked at.
        copies: None, as nothing is computed.
    """

    image_shape = None
    copies = None

    def __init__(self, cache: Any) -> None:
        self.feature_dims = list(cache.feature_dims)
        self.num_classes = cache.num_classes

    def outputs(self, x: Tensor, y: Any) -> tuple[list[Tensor], Tensor | None]:
        """Returns the features of each teacher, and the mean of the logits."""
        if not isinstance(y, Mapping) or "teacher_features" not in y:
            raise ValueError(
                "Batches must bring the outputs of the teachers where the "
                "objective has a cache. Received: labels without "
                "'teacher_features'. Train on `cache.batches(batches)`."
            )
        ends = np.cumsum(self.feature_dims)[:-1].tolist()
        features = ops.split(y["teacher_features"], ends, axis=-1)
        return features, y.get("teacher_logits")
