"""What Keras loses on JAX, where a step takes the memory of variables."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops


@contextlib.contextmanager
def weights_kept(model: keras.Model) -> Iterator[None]:
    """Gives variables back that an error would take with it.

    On JAX, Keras takes the values out of all variables before it reads the
    first batch, and puts them back after the last. After an error in between,
    as of a broken image, the weights would be gone.
    """
    if keras.config.backend() != "jax":
        yield
        return
    before = [(one, one.value) for one in _variables(model)]
    try:
        yield
    except BaseException:
        lost = [(one, value) for one, value in before if _is_lost(one)]
        if any(value.is_deleted() for _, value in lost):
            model.jax_state_sync()  # Steps were done, whose state is newer.
        else:
            for one, value in lost:
                one.assign(value)
        raise


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
