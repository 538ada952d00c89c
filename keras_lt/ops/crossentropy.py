"""Cross-entropy that reads integer and soft labels alike."""

from keras import ops

from keras_lt.types import Tensor


def are_soft(labels: Tensor, num_classes: int) -> bool:
    """Tells one-hot and soft labels `(batch, classes)` from class ids."""
    return len(labels.shape) == 2 and labels.shape[-1] == num_classes


def as_class_ids(labels: Tensor, num_classes: int) -> Tensor:
    """Returns int32 class ids `(batch,)`; of soft labels, the largest part."""
    if are_soft(labels, num_classes):
        return ops.cast(ops.argmax(labels, axis=-1), "int32")
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def as_soft_labels(labels: Tensor, num_classes: int) -> Tensor:
    """Returns float32 labels `(batch, classes)` whose rows sum to 1."""
    if are_soft(labels, num_classes):
        return ops.cast(labels, "float32")
    return ops.one_hot(
        as_class_ids(labels, num_classes), num_classes, dtype="float32"
    )


def crossentropy(labels: Tensor, logits: Tensor) -> Tensor:
    """Returns `-sum(labels * log_softmax(logits))` of each example.

    Args:
        labels: Class ids `(batch,)` or `(batch, 1)`, or soft labels
            `(batch, classes)`.
        logits: `(batch, classes)`, of any float type.

    Returns:
        `(batch,)`, in float32 whatever the type of the logits.
    """
    logits = ops.cast(logits, "float32")
    num_classes = logits.shape[-1]
    if are_soft(labels, num_classes):
        soft = ops.cast(labels, "float32")
        return ops.categorical_crossentropy(soft, logits, from_logits=True)
    ids = as_class_ids(labels, num_classes)
    return ops.sparse_categorical_crossentropy(ids, logits, from_logits=True)
