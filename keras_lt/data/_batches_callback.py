"""Tells batches which epoch `fit` is in."""

from typing import Any

import keras

from keras_lt.data.batch_extra import BatchExtra


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
        epochs = (self.params or {}).get("epochs")
        for name, extra in self.batches.extras.items():
            if isinstance(extra, BatchExtra):
                _check_epochs(name, extra, epochs)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.batches.begin_training_epoch(epoch)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.batches.report_broken()


def _check_epochs(name: str, extra: BatchExtra, epochs: int | None) -> None:
    if epochs is None or extra.epochs is None or epochs <= extra.epochs:
        return
    raise ValueError(
        "`fit` must not run for more epochs than its extras have values for. "
        f"Received: epochs={epochs}, and {name!r} for {extra.epochs} epochs. "
        "Train for as many, or make the extra for more."
    )
