"""What weighs the examples of a batch."""

from keras import ops

from keras_lt.ops.crossentropy import are_soft
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.types import Tensor


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
