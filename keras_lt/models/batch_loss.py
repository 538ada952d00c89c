"""What makes the loss of a batch, in the order in which it is put together."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.objectives import Objective
from keras_lt.ops.crossentropy import are_soft
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.replicas import mean_over_replicas
from keras_lt.replicas import on_whole_batch
from keras_lt.types import Tensor

_SOFT_LABEL_LOSSES = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
)


def example_weights(
    labels: Tensor, class_weights: Tensor, sample_weight: Tensor | None
) -> Tensor:
    """Returns class weight times sample weight, `(batch,)`.

    A soft label has the mean weight of its classes.

    Args:
        labels: Class ids, or soft labels `(batch, classes)`.
        class_weights: `(classes,)`.
        sample_weight: One for each example, or None.
    """
    num_classes = class_weights.shape[0]
    if are_soft(labels, num_classes):
        weights = ops.matmul(ops.cast(labels, "float32"), class_weights)
    else:
        ids = as_class_ids(labels, num_classes)
        weights = ops.take(class_weights, ids, axis=0)
    if sample_weight is None:
        return weights
    return weights * as_vector(sample_weight)


def as_vector(sample_weight: Tensor) -> Tensor:
    """Returns weights `(batch,)` in float32, as a tensor of the backend."""
    return ops.cast(ops.reshape(sample_weight, (-1,)), "float32")


def loss_values(
    loss: keras.losses.Loss, labels: Tensor, logits: Tensor, num_classes: int
) -> Tensor:
    """Returns the loss of each example, `(batch,)`.

    Raises:
        ValueError: If the loss takes class ids, and the labels are soft.
    """
    if isinstance(loss, _SOFT_LABEL_LOSSES):
        labels = as_soft_labels(labels, num_classes)
    elif isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        if are_soft(labels, num_classes):
            raise ValueError(
                "`SparseCategoricalCrossentropy` must get class ids. "
                f"Received: soft labels of shape {labels.shape}. Use "
                "`keras.losses.CategoricalCrossentropy(from_logits=True)`"
                " with mixup, cutmix and one-hot labels."
            )
        labels = as_class_ids(labels, num_classes)
    return loss.call(labels, ops.cast(logits, "float32"))


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Divides the weighted sum of values by the sum of their weights.

    Both sums are over the whole batch, also where it is cut up among replicas
    of TensorFlow. With weights of 0 alone, the mean is 0.

    Args:
        values: `(batch, ...)`; those of one example are averaged.
        weights: `(batch,)`; ones if None.

    Returns:
        A scalar in float32.
    """
    values = ops.cast(values, "float32")
    if len(values.shape) > 1:
        values = ops.mean(values, axis=tuple(range(1, len(values.shape))))
    if weights is None:
        weights = ops.ones_like(values)
    weights = as_vector(weights)
    return mean_over_replicas(ops.sum(values * weights), ops.sum(weights))


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
        # Passed, as there is no model around it that would.
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


def with_penalties(total: Tensor, penalties: Sequence[Tensor]) -> Tensor:
    """Returns a loss with the `losses` of a model, of any shape, added."""
    if not penalties:
        return total
    penalty = ops.sum(ops.stack([ops.sum(one) for one in penalties]))
    return total + weighted_mean(ops.reshape(penalty, (1,)))
