"""Finds the labels in what a batch carries beside its images."""

from typing import Any

from keras_lt.types import Tensor


def label_of(y: Any) -> Tensor:
    """Returns the labels of a batch whose `y` may carry more than labels."""
    if not isinstance(y, dict):
        return y
    if "label" not in y:
        raise ValueError(
            "`y` must hold the labels under the key 'label'. Received: "
            f"keys {sorted(y)}. Use `Batches(extras=...)`, which does so."
        )
    return y["label"]
