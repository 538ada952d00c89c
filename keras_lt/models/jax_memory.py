"""What Keras loses on JAX, where a step takes the memory of variables."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_lt.models.own_callbacks import listed


class KeptWeights(keras.callbacks.Callback):
    """Gives variables back that an error would take with it.

    On JAX, Keras takes the values out of all variables before it reads a batch
    after they were whole, and puts them back at the end. After an error in
    between, as of a broken image, the weights would be gone.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._owner = model
        self._values: list[tuple[keras.Variable, Any]] = []

    def __enter__(self) -> "KeptWeights":
        self._note()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is not None:
            self._give_back()
        self._values = []

    def behind(self, callbacks: Any) -> Any:
        """Returns the callbacks of `fit` with this one behind them.

        As validation puts the values back, they are to be noted anew.
        """
        if keras.config.backend() != "jax":
            return callbacks
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks  # It takes no more.
        return [*listed(callbacks), self]

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Notes the values, if the variables have them."""
        if self._values and not _is_lost(self._values[0][0]):
            self._note()

    def _note(self) -> None:
        if keras.config.backend() == "jax":
            own = _variables(self._owner)
            self._values = [(one, one.value) for one in own]

    def _give_back(self) -> None:
        lost = [(one, value) for one, value in self._values if _is_lost(one)]
        if any(value.is_deleted() for _, value in lost):
            self._owner.jax_state_sync()  # Steps were done since.
        else:
            for one, value in lost:
                one.assign(value)


@contextlib.contextmanager
def averages_apart(model: keras.Model) -> Iterator[None]:
    """Has averages of weights in memory of their own after a training.

    With `use_ema=True`, Keras ends with the averages as weights. On JAX the two
    would be one array, which the next step takes, so that the model could be
    neither saved nor trained on.
    """
    try:
        yield
    finally:
        if keras.config.backend() == "jax":
            for one in _optimizer_variables(model):
                if one.name.endswith("_average"):
                    one.assign(ops.copy(one.value))


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [
        *model.variables,
        *model.metrics_variables,
        *_optimizer_variables(model),
    ]


def _optimizer_variables(model: keras.Model) -> list[keras.Variable]:
    optimizer: Any = getattr(model, "optimizer", None)
    return [] if optimizer is None else list(optimizer.variables)


def _is_lost(variable: keras.Variable) -> bool:
    try:
        return variable.value is None
    except TypeError:  # Keras would make a value, and has nothing to do so.
        return True
