"""Losses of each class that fade as the prediction gets sure."""

from keras import ops

from keras_lt.types import Tensor


def softmax_focal_per_class(logits: Tensor, gamma: float) -> Tensor:
    """Returns `(1 - p) ** gamma * -log(p)` for each class as the true one.

    Args:
        logits: `(batch, classes)`, float32.
        gamma: 0 or greater; 0 gives `-log(p)`.

    Returns:
        `(batch, classes)`, where `p` is the softmax of the logits.
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    if gamma == 0:
        return -log_probabilities
    # The floor keeps the gradient of the power finite where p rounds to 1.
    rest = ops.maximum(-ops.expm1(log_probabilities), 1e-12)
    return -log_probabilities * ops.power(rest, gamma)


def sigmoid_focal(targets: Tensor, logits: Tensor, gamma: float) -> Tensor:
    """Sums the binary focal loss over the classes of each example.

    A class is a question of its own: is the example of it, or not? With
    `p = sigmoid(logits)` the answers cost `(1 - p) ** gamma * -log(p)` and
    `p ** gamma * -log(1 - p)`.

    Args:
        targets: `(batch, classes)`, the weight of the answer yes. The answer no
            weighs the sum of the row less that.
        logits: `(batch, classes)`, float32.
        gamma: 0 or greater; 0 gives binary cross-entropy.

    Returns:
        `(batch,)`.
    """
    # With log(p) = -softplus(-z), no power of a number near 0 is needed.
    cost_of_no = ops.softplus(logits)
    cost_of_yes = ops.softplus(-logits)
    yes = ops.exp(-gamma * cost_of_no) * cost_of_yes
    no = ops.exp(-gamma * cost_of_yes) * cost_of_no
    weight = ops.sum(targets, axis=-1, keepdims=True)
    return ops.sum(targets * yes + (weight - targets) * no, axis=-1)
