"""Teachers whose outputs come with the batches."""

from collections.abc import Mapping
from typing import Any

from keras_lt.data import Batches
from keras_lt.ops.distillation import parts
from keras_lt.types import Tensor


class CachedTeachers:
    """Reads what a cache has put beside the labels of a batch.

    Args:
        cache: The cache, with one teacher or more in it.

    Attributes:
        feature_dims: Size of the features of each teacher.
        num_classes: Number of logits; None if there are none.
        image_shape: Shape of the images that the teachers saw.
        copies: None, as nothing is computed.

    Raises:
        ValueError: If the cache is empty.
    """

    copies = None

    def __init__(self, cache: Any) -> None:
        self.feature_dims = list(cache.feature_dims)
        if not self.feature_dims:
            raise ValueError(
                "A cache must hold one teacher or more. Received: none. Call "
                "`cache.add(teacher, batches)` first."
            )
        self.num_classes = cache.num_classes
        self.image_shape = cache.image_shape

    def outputs(self, x: Tensor, y: Any) -> tuple[list[Tensor], Tensor | None]:
        """Returns the features of each teacher, and the mean of the logits."""
        _check_labels(y)
        features = y["teacher_features"]
        if features.shape[-1] != sum(self.feature_dims):
            raise ValueError(
                "Batches must bring the features of the teachers that the "
                f"objective has, of sizes {self.feature_dims}. Received: "
                f"{features.shape[-1]} features. Make the objective of the "
                "cache that makes the batches, after the last `add`."
            )
        return parts(features, self.feature_dims), y.get("teacher_logits")

    def check_data(self, x: Any, y: Any) -> None:
        """Raises if it can be told that the data lack the outputs."""
        if isinstance(x, Batches):
            _check_labels(x.extras)
        elif y is not None:
            _check_labels(y)


def _check_labels(y: Any) -> None:
    if isinstance(y, Mapping) and "teacher_features" in y:
        return
    raise ValueError(
        "Batches must bring the outputs of the teachers where the objective "
        "has a cache. Received: labels without 'teacher_features'. Train on "
        "`cache.batches(batches)`."
    )
