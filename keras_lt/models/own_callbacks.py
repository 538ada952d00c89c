"""The callbacks that `fit` of our models adds to those of the user."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.data import Batches
from keras_lt.keras_rules import num_trained_on
from keras_lt.objectives import Objective


def with_own_callbacks(
    callbacks: Any,
    objectives: Sequence[Objective],
    x: Any,
    y: Any,
    validation_split: float | None,
) -> Any:
    """Returns the callbacks of batches and objectives, then those of the user.

    Args:
        callbacks: What `fit` was given, like the others.
        objectives: Those that the model was compiled with.
        x: What is trained on.
        y: The labels, or None.
        validation_split: Share of arrays that Keras holds out.

    Raises:
        ValueError: If `callbacks` is a `CallbackList`, which takes no more.
    """
    own = [x.callback()] if isinstance(x, Batches) else []
    trained_on = _trained_on(x, y, validation_split)
    for objective in objectives:
        own.extend(objective.callbacks(*trained_on))
    if isinstance(callbacks, keras.callbacks.CallbackList):
        if not own:
            return callbacks
        raise ValueError(
            "`callbacks` must be a list of callbacks, as `fit` adds "
            f"{len(own)} of its own, for `Batches` and objectives. "
            "Received: a `CallbackList`, which takes no more. Pass its "
            "callbacks as a list."
        )
    return [*own, *listed(callbacks)]


def listed(callbacks: Any) -> list[Any]:
    """Returns the callbacks that `fit` was given: none, one or several."""
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.Callback):
        return [callbacks]
    return list(callbacks)


def _trained_on(x: Any, y: Any, held_out: float | None) -> tuple[Any, Any]:
    """Leaves out the end of arrays, which Keras validates on."""
    if y is None or not held_out:
        return x, y
    size = num_trained_on(x, held_out)
    return x[:size], keras.tree.map_structure(lambda one: one[:size], y)
