"""What an objective makes of a batch, whole or in parts."""

from typing import Any

from keras_lt.objectives import Objective
from keras_lt.replicas import on_whole_batch
from keras_lt.types import Tensor


def objective_values(
    objective: Objective, features: Tensor, labels: Tensor, **others: Any
) -> tuple[Tensor, Tensor | None]:
    """Returns the values of an objective, and weights of its own or None.

    Args:
        objective: The objective.
        features: Those that it reads.
        labels: Class ids, `(batch,)`.
        **others: The other arguments of its `call`.
    """

    def call(features: Tensor, labels: Tensor) -> Any:
        # Said, as there is no model around it that would.
        return objective(features, labels, training=True, **others)

    if objective.compares_examples:
        found = on_whole_batch(call, features, labels)
    else:
        found = call(features, labels)
    values, weights = found if isinstance(found, tuple) else (found, None)
    return values, weights
