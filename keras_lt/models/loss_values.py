"""The values of any loss on logits, for any kind of labels."""

import keras
from keras import ops

from keras_lt.ops.crossentropy import are_soft
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.ops.crossentropy import as_soft_labels
from keras_lt.types import Tensor

_SOFT_LABEL_LOSSES = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
)


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
