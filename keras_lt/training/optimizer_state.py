"""Optimizers for one stage, and what they take over from the one before."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

EXCLUSIONS = (
    "_exclude_from_weight_decay",
    "_exclude_from_weight_decay_pattern",
)


def fresh_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Returns a new optimizer with the configuration of `optimizer`.

    One object cannot serve two stages: it is built for the variables of the
    first, and refuses others.
    """
    optimizer = keras.optimizers.get(optimizer)
    fresh = type(optimizer).from_config(optimizer.get_config())
    _exclude_alike(optimizer, fresh)
    return fresh


def _exclude_alike(old: Any, new: Any) -> None:
    """Leaves out of the decay what `exclude_from_weight_decay` has named.

    No configuration tells of it, nor anything public in Keras.
    """
    for name in EXCLUSIONS:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    if isinstance(old, keras.optimizers.LossScaleOptimizer):
        _exclude_alike(old.inner_optimizer, new.inner_optimizer)


def continue_from(
    new: keras.optimizers.Optimizer,
    new_variables: Sequence[keras.Variable],
    old: keras.optimizers.Optimizer,
    old_variables: Sequence[keras.Variable],
) -> None:
    """Copies the count of steps, and the state of variables that both train.

    Args:
        new: The optimizer that goes on; built.
        new_variables: What `new` trains.
        old: The optimizer of the stage before; built.
        old_variables: What `old` trained.

    Raises:
        ValueError: If the two are optimizers of different kinds.
    """
    if type(new) is not type(old):
        raise ValueError(
            "`continue_optimizer` must go on with the same kind of optimizer. "
            f"Received: {type(new).__name__} after {type(old).__name__}. Leave "
            "`optimizer` out, or `continue_optimizer`."
        )
    known = _slots(old, old_variables)
    owners = {id(variable): variable for variable in new_variables}
    for key, slot in _slots(new, new_variables).items():
        owner, kind = key
        value = known.get(key)
        if value is None and kind == "_average":
            value = owners[owner]  # Keras does so in the first step of all.
        if value is not None:
            # In memory of its own, as a step of JAX takes that of both.
            slot.assign(ops.copy(ops.convert_to_tensor(value)))


def _slots(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> dict[tuple[int, str], keras.Variable]:
    """Finds each slot by the variable that it belongs to, and its kind.

    What belongs to no variable, such as the count of steps, is of owner 0.
    Keras names a slot after the path of its variable. Paths can repeat, but
    the slots of one name are in the order of their variables.
    """
    by_path: dict[str, list[keras.Variable]] = {}
    for variable in variables:
        path = variable.path.replace("/", "_")
        by_path.setdefault(path, []).append(variable)
    seen: dict[str, int] = {}
    slots = {}
    for slot in optimizer.variables:
        # "dense_kernel" fits the slots of "dense_kernel_2" as well.
        fitting = [p for p in by_path if slot.name.startswith(f"{p}_")]
        if not fitting:
            # The count of steps, and the like. The rate is the stage's own.
            if slot.name != "learning_rate":
                slots[0, slot.name] = slot
            continue
        path = max(fitting, key=len)
        position = seen.get(slot.name, 0)
        seen[slot.name] = position + 1
        owner = by_path[path][position]
        slots[id(owner), slot.name[len(path) :]] = slot
    return slots
