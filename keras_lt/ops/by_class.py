"""Sums and means of each class, over the examples of a batch."""

from keras import ops

from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.types import Tensor


def weights_or_ones(labels: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Returns one float32 weight per example, 1 if none are given."""
    if sample_weight is None:
        return ops.ones_like(labels, dtype="float32")
    weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
    return ops.broadcast_to(weights, ops.shape(labels))


def correct_by_class(
    y_true: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None,
    num_classes: int,
) -> tuple[Tensor, Tensor]:
    """Sums the weights of the examples of each class, correct ones and all.

    Args:
        y_true: Class ids `(batch,)` or `(batch, 1)`, or soft labels
            `(batch, classes)`, which count as their largest class.
        y_pred: Logits or probabilities, `(batch, classes)`.
        sample_weight: One weight per example, or None.
        num_classes: Number of classes.

    Returns:
        The two sums, float32 of shape `(classes,)`.
    """
    labels = as_class_ids(y_true, num_classes)
    weights = weights_or_ones(labels, sample_weight)
    predicted = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    correct = weights * ops.cast(ops.equal(predicted, labels), "float32")
    return (
        ops.segment_sum(correct, labels, num_segments=num_classes),
        ops.segment_sum(weights, labels, num_segments=num_classes),
    )


def mean_of_class_means(
    sums: Tensor, totals: Tensor, of: Tensor | None = None
) -> Tensor:
    """Averages `sums / totals` over the classes that have a total.

    Args:
        sums: `(classes,)`.
        totals: `(classes,)`; a class with 0 is left out.
        of: `(classes,)`, 1 for the classes to average over and 0 for others.

    Returns:
        A scalar; 0 if all classes are left out.
    """
    totals = ops.convert_to_tensor(totals)
    seen = ops.cast(totals > 0, "float32")
    if of is not None:
        seen = ops.multiply(seen, of)
    means = ops.divide_no_nan(ops.convert_to_tensor(sums), totals)
    return ops.divide_no_nan(ops.sum(means * seen), ops.sum(seen))
