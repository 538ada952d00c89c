"""Describes the stages of a training, to refuse to resume other ones."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.data.check_sums import labels_sha256
from keras_lt.plain_description import describe
from keras_lt.plain_description import first_difference
from keras_lt.plain_description import name_of
from keras_lt.training.stage import Stage

_OF_A_PROCESS = ("module", "name", "registered_name")
"""What configurations of equal objects may differ in: Keras numbers names, and
the module of an optimizer goes by the backend."""

_PLAIN = (bool, int, float, str, np.generic, np.ndarray, type(None))

_OF_BATCHES = ("batch_size", "last_batch", "sampler", "seed")


def settings_of(stage: Stage) -> dict[str, Any]:
    """Returns what a stage trains with, as JSON holds it.

    Of batches that are not `Batches` nothing is known but their class.
    """
    batches: dict[str, Any] = {}
    if isinstance(stage.batches, Batches):
        labels = stage.batches.labels
        batches = {name: getattr(stage.batches, name) for name in _OF_BATCHES}
        batches |= {
            "examples": len(labels),
            "labels_sha256": labels_sha256(labels),
        }
    return {
        "optimizer": _described(keras.optimizers.get(stage.optimizer)),
        "loss": _described(stage.loss),
        "objectives": _described(list(stage.objectives or ())),
        "batches": _described(batches),
    }


def first_change(
    saved: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]
) -> tuple[int, str, Any, Any] | None:
    """Returns number of the stage, name and both values of what differs.

    What only one of the two knows does not count: another version of Keras may
    have another argument.
    """
    for number, pair in enumerate(zip(saved, current, strict=False)):
        found = first_difference(*pair, common=True)
        if found:
            return number, *found
    return None


def _described(value: Any) -> Any:
    """Returns plain values, equal for objects of equal configuration."""
    if isinstance(value, Mapping):
        return {
            str(key): _described(one)
            for key, one in value.items()
            if key not in _OF_A_PROCESS
        }
    if isinstance(value, list | tuple):
        return describe([_described(one) for one in value])
    if hasattr(value, "get_config"):
        return {"class": type(value).__name__, **_config(value)}
    if isinstance(value, _PLAIN) or hasattr(value, "__qualname__"):
        return describe(value)
    return name_of(type(value))  # What it holds may change in training.


def _config(value: Any) -> dict[str, Any]:
    try:
        return _described(value.get_config())
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return {}  # Its class has to tell it.
