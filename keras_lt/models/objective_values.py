"""What an objective makes of a batch, whole or in parts."""

from typing import Any

from keras import ops

from keras_lt.models.weighted_mean import weighted_mean
from keras_lt.objectives import Objective
from keras_lt.replicas import on_whole_batch
from keras_lt.types import Tensor


def output_name(features: str | None) -> str:
    """Returns under which name a model returns what an objective reads."""
    return "features" if features is None else f"features/{features}"


def objective_term(
    objective: Objective,
    features: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    **others: Any,
) -> Tensor:
    """Returns what an objective adds to the loss, as a scalar, unweighted.

    Args:
        objective: The objective.
        features: Those that it reads.
        labels: Class ids, `(batch,)`.
        weights: Of the examples, `(batch,)`, or None. What the objective
            weighs them with comes on top.
        **others: The other arguments of its `call`.
    """

    def call(features: Tensor, labels: Tensor) -> Any:
        # Said, as there is no model around it that would.
        return objective(features, labels, training=True, **others)

    if objective.compares_examples:
        found = on_whole_batch(call, features, labels)
    else:
        found = call(features, labels)
    values, own_weights = found if isinstance(found, tuple) else (found, None)
    if len(values.shape) == 0:
        return weighted_mean(ops.reshape(values, (1,)))
    if own_weights is not None:
        weights = own_weights if weights is None else own_weights * weights
    return weighted_mean(values, weights)
