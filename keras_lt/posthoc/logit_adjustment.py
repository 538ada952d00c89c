"""Takes the head start of the frequent classes off the logits."""

from collections.abc import Sequence

import numpy as np

from keras_lt.counts import log_priors
from keras_lt.posthoc.logit_arrays import as_logits
from keras_lt.posthoc.logit_arrays import by_exit
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor

Shares = Sequence[float] | np.ndarray
_SUM_TOLERANCE = 1e-3


def adjust_logits(
    logits: Tensor,
    class_counts: ClassCounts,
    tau: float | Sequence[float] = 1.0,
    test_prior: Shares | None = None,
) -> np.ndarray:
    """Subtracts `tau` times the log-prior of each class from the logits.

    A network trained with plain cross-entropy learns how frequent each class
    is. Where every class counts alike, that knowledge does harm, and with
    `tau=1` it is taken back without training again. Where the frequencies in
    use are known and others than in training, they take its place: what is
    subtracted is `tau * (log(train prior) - log(test prior))`.

    It is for logits as they come before the softmax; of probabilities, pass
    the logarithm. A network trained with `losses.LogitAdjusted` or
    `losses.BalancedSoftmax` needs no adjustment: its logits are adjusted
    already. With a test prior, pass equal counts for it.

    Args:
        logits: `(n, classes)`, or `(n, exits, classes)` as
            `EarlyExitModel.exit_logits` gives them, finite.
        class_counts: Number of training examples of each class, by label.
        tau: 0 or greater, or one number for each exit. 0 changes nothing; 1 is
            consistent for the mean of class accuracies; `choose_tau` chooses
            others on held-out data.
        test_prior: Share of each class in what the logits are for, by label:
            above 0, with sum 1. One row for each exit is accepted too. None
            is for classes that count alike.

    Returns:
        A new array of the shape of `logits`, in float64 for float64 logits and
        else in float32.

    Raises:
        ValueError: If the logits are not finite, are probabilities, or not one
            per class, a class has no training examples, `tau` is negative, or
            the test prior is none.

    Example:

    >>> logits = np.array([[2.0, 0.0]])
    >>> keras_lt.posthoc.adjust_logits(logits, [90, 10]).round(4)
    array([[2.1054, 2.3026]])
    >>> keras_lt.posthoc.adjust_logits(
    ...     logits, [90, 10], test_prior=[0.9, 0.1]
    ... ).round(4)
    array([[2., 0.]])

    Reference:

    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314), equation 9.
    - [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446), for
      a known test prior.
    """
    priors = log_priors(class_counts)
    values = as_logits(logits, len(priors))
    strength = by_exit("tau", tau, values)
    if test_prior is not None:
        priors = priors - np.log(_checked(test_prior, values))
    return subtracted(values, strength * priors)


def subtracted(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns `values - shift`, rounded once to the dtype of the values.

    Without a copy of all values in float64, as `astype` would make.
    """
    result = np.empty_like(values)
    return np.subtract(values, shift, out=result, casting="same_kind")


def _checked(test_prior: Shares, logits: np.ndarray) -> np.ndarray:
    """Returns shares that sum to 1 over the last axis, or raises."""
    prior = np.asarray(test_prior, dtype="float64")
    if prior.shape not in (logits.shape[-1:], logits.shape[1:]):
        raise ValueError(
            "`test_prior` must hold one share per class, of shape "
            f"{logits.shape[-1:]}. Received: shape {prior.shape}. Pass a share "
            "for each class of the model, by label."
        )
    wrong = ~(np.isfinite(prior) & (prior > 0))
    if wrong.any():
        first = int(np.argmax(wrong.any(axis=tuple(range(prior.ndim - 1)))))
        raise ValueError(
            "`test_prior` must be above 0 for every class, since logarithms "
            f"are taken. Received: {int(wrong.sum())} of {prior.size} that are "
            f"not, first at label {first}: "
            f"{prior.reshape(-1, prior.shape[-1])[:, first].min()}. Give such "
            "classes a small share, such as 1e-6."
        )
    total = prior.sum(axis=-1, keepdims=True)
    if np.abs(total - 1).max() > _SUM_TOLERANCE:
        furthest = total.ravel()[np.abs(total.ravel() - 1).argmax()]
        raise ValueError(
            "`test_prior` must sum to 1. Received: shares that sum to "
            f"{furthest:.6g}. Of numbers of examples, pass `counts / "
            "counts.sum()`."
        )
    return prior / total
