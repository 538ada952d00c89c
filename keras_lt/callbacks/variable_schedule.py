"""Drives one variable of a model by the number of the epoch."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_lt.types import Tensor


class VariableSchedule(keras.callbacks.Callback):
    """Sets a variable to `schedule(epoch)` at the start of each epoch.

    Use it for whatever has to change while training: the weight of an
    objective, the thresholds of a training, a weight per class. A Python
    attribute would not do, as a compiled training step keeps its first value.

    The value follows from the epoch alone, so that a training that goes on
    after a crash goes on as if nothing had happened. When `fit` ends, the
    variable keeps its last value, but for `model.class_weights`, which are
    those of before, as they are in files.

    Args:
        variable: A variable that the trained model tracks, for instance one
            made by `add_weight(trainable=False)` in a layer.
        schedule: Maps the epoch, counted from 0, to the value of `variable`.

    Raises:
        ValueError: At the start of training, if the model does not track
            `variable`. On JAX, a compiled step keeps the first value of such
            a variable for ever, and says nothing.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> ramp = VariableSchedule(model.layers[0].bias, lambda epoch: [epoch / 5])
    >>> ramp.set_model(model)
    >>> ramp.on_epoch_begin(2)
    >>> round(float(model.get_weights()[1][0]), 4)
    0.4
    """

    def __init__(
        self, variable: keras.Variable, schedule: Callable[[int], Tensor]
    ) -> None:
        super().__init__()
        self.variable = variable
        self.schedule = schedule

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that the model knows the variable."""
        if not any(v is self.variable for v in self.model.variables):
            raise ValueError(
                "`variable` must be one that the model tracks, or a compiled "
                "training step may never see it change. Received: "
                f"variable={self.variable.path!r}, which is not in "
                f"`model.variables` of {self.model.name!r}. Make it with "
                "`add_weight(trainable=False)` in a layer of that model."
            )

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Sets the value of this epoch."""
        value = self.schedule(epoch)
        lasting = getattr(self.model, "lasting_weights", None)
        if lasting is not None and self.variable is self.model.class_weights:
            lasting.replace(value)
        else:
            # A copy, as a step of JAX takes the memory of what is assigned.
            dtype = self.variable.dtype
            self.variable.assign(ops.copy(ops.convert_to_tensor(value, dtype)))
