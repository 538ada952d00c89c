"""Stops a training whose loss is not a number any more."""

from typing import Any

import keras
import numpy as np


class StopOnNaN(keras.callbacks.Callback):
    """Raises at the first step whose loss is NaN or infinite.

    One such step makes all weights NaN, and no later step mends them.
    `keras.callbacks.TerminateOnNaN` by default ends `fit` as if all were well,
    so that callbacks which save at the end of an epoch save the NaN; this one
    raises before they are called. `training.train` adds it to every stage.

    To go on instead, have the optimizer leave out steps whose gradient is not
    finite: `keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)`
    does, with any precision. (Under `mixed_float16`, `compile` puts it around
    the optimizer by itself.) With it, this callback raises at the end of an
    epoch in which every step was left out.

    Raises:
        FloatingPointError: At the step, or a few steps later, as far as the
            backend is ahead of the callbacks. The weights may be NaN by then:
            load those that were saved.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", loss="mse")
    >>> x, y = np.ones((4, 2)), np.full((4, 1), np.nan)
    >>> history = model.fit(x, y, verbose=0, callbacks=[StopOnNaN()])
    Traceback (most recent call last):
    FloatingPointError: The loss must be finite. Received: loss=nan ...
    """

    async_safe = True
    """Tells Keras that no step need wait for this callback."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0
        self._before: float | None = None
        self._skips = False
        self._iterations = 0

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Notes where the training is."""
        self._epoch = epoch
        self._before = None
        self._skips = isinstance(
            self.model.optimizer, keras.optimizers.LossScaleOptimizer
        )
        self._iterations = self._iterations_done()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Raises if the mean loss of the epoch so far is not finite."""
        loss = (logs or {}).get("loss")
        if loss is None or self._skips:
            return
        if np.isfinite(loss):
            self._before = float(loss)
            return
        before = "from the first step of the epoch on"
        if self._before is not None:
            before = f"after a mean of {self._before:.6g} in the steps before"
        raise FloatingPointError(
            f"The loss must be finite. Received: loss={float(loss)} in step "
            f"{batch} of epoch {self._epoch}, counted from 0, {before}. If it "
            "grew before, the learning rate is too high: lower it, or clip "
            "gradients (`clipnorm` of the optimizer). If not, look for NaN in "
            "images (`Batches(check_finite=True)`) and weights. "
            "`keras.optimizers.LossScaleOptimizer(optimizer, "
            "initial_scale=1.0)` leaves such steps out."
        )

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Raises if all steps of the epoch were left out."""
        loss = (logs or {}).get("loss")
        stuck = self._iterations == self._iterations_done()
        if self._skips and stuck and loss is not None and not np.isfinite(loss):
            raise FloatingPointError(
                "Some steps of an epoch must have a finite gradient. Received: "
                f"loss={float(loss)} in epoch {epoch}, and every step left out "
                "by the `LossScaleOptimizer`. Look for NaN in images "
                "(`Batches(check_finite=True)`), or lower the learning rate "
                "and go on from earlier weights."
            )

    def _iterations_done(self) -> int:
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
