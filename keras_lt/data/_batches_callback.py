"""Tells batches which epoch `fit` is in."""

from typing import Any

import keras


class BatchesCallback(keras.callbacks.Callback):
    """Sets the epoch of `batches` at the start of each epoch of `fit`.

    The hooks of `PyDataset` cannot do this: Keras calls them a different
    number of times on each backend, and from `evaluate` as well.

    Args:
        batches: The `data.Batches` that the model is fitted to.
    """

    def __init__(self, batches: Any):
        super().__init__()
        self.batches = batches

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        steps = (self.params or {}).get("steps")
        if steps is not None and steps != len(self.batches):
            raise ValueError(
                "`fit` must run through all batches in each epoch. Received: "
                f"{steps} steps per epoch, for {len(self.batches)} batches. "
                "Leave `steps_per_epoch` out, and fit the batches that "
                "belong to this callback."
            )

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.batches.begin_training_epoch(epoch)
