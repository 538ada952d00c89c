"""Takes the head start of the frequent classes off the logits."""

import numpy as np

from keras_lt.counts import log_priors
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative


def adjust_logits(
    logits: Tensor, class_counts: ClassCounts, tau: float = 1.0
) -> np.ndarray:
    """Subtracts `tau` times the log-prior of each class from the logits.

    A network trained with plain cross-entropy learns how frequent each class
    is. Where every class counts alike, that knowledge does harm, and with
    `tau=1` it is taken back without training again. It is for logits as they
    come before the softmax; of probabilities, pass the logarithm. A network
    trained with `losses.LogitAdjusted` or `losses.BalancedSoftmax` needs no
    adjustment: its logits are adjusted already.

    Args:
        logits: `(n, classes)`, finite.
        class_counts: Number of training examples of each class, by label.
        tau: 0 or greater. 0 changes nothing; 1 is consistent for the mean of
            class accuracies; choose others on validation data.

    Returns:
        A new array of shape `(n, classes)`, in float64 for float64 logits and
        else in float32.

    Raises:
        ValueError: If the logits are not finite or not one per class, a class
            has no training examples, or `tau` is negative.

    Example:

    >>> logits = np.array([[1.0, 0.0]])
    >>> keras_lt.posthoc.adjust_logits(logits, [90, 10]).round(4)
    array([[1.1054, 2.3026]])

    Reference:

    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314), equation 9.
    """
    check_not_negative("tau", tau)
    shift = tau * log_priors(class_counts)
    values = np.asarray(logits)
    if values.dtype != np.float64:
        values = values.astype("float32")
    if values.ndim != 2 or values.shape[1] != len(shift):
        raise ValueError(
            "`logits` must hold one number per example and class, of shape "
            f"(n, {len(shift)}). Received: shape {values.shape}. Pass the "
            "counts of the classes that the model has."
        )
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(
            "`logits` must be finite. Received: NaN or infinity in "
            f"{int((~finite).sum())} of {len(values)} rows, first in row "
            f"{int(np.argmin(finite))}. Check the images of these rows, and "
            "whether the training diverged."
        )
    return (values - shift).astype(values.dtype)
