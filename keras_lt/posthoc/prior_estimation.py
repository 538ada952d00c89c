"""Finds out how frequent the classes are where nothing is labelled."""

import warnings

import numpy as np

from keras_lt.counts import log_priors
from keras_lt.posthoc.logit_arrays import as_logits
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int

_SMALLEST_SHARE = 1e-12


def estimate_prior(
    logits: Tensor,
    class_counts: ClassCounts | None = None,
    *,
    pseudo_count: float = 0.0,
    tolerance: float = 1e-5,
    max_iterations: int = 1000,
) -> np.ndarray:
    """Estimates the share of each class from logits without labels.

    It finds the shares that make what the model saw most likely, by
    expectation and maximisation: with the present shares, each example gets
    the probabilities of its classes, and their mean gives the next shares.
    Pass the result as `test_prior` to `adjust_logits`.

    It takes for granted that the images of a class look as they did in
    training, only their number differs, and that the probabilities of the
    model are calibrated for its training prior. Where they are not, the
    estimate is off: an over-confident model gives little more than the shares
    of its own answers. Fit a temperature first, on held-out examples that are
    as frequent as those of training.

    Args:
        logits: `(n, classes)`, or `(n, exits, classes)`, of the examples whose
            shares are asked for: the more the better, all of one kind.
        class_counts: Number of training examples of each class, by label, of
            a model that was trained with plain cross-entropy. None is for
            one whose classes counted alike in training, or whose logits are
            adjusted.
        pseudo_count: Number of examples of each class that are taken for
            granted, 0 or greater. With 0, a class that looks absent gets a
            share of almost 0, and is never answered again; 1 prevents that.
        tolerance: It has converged when no other shares could raise the mean
            log-likelihood of an example by more than this, in nats.
        max_iterations: How often the shares are improved at most.

    Returns:
        The shares in float64, `(classes,)` or `(exits, classes)`, one estimate
        for each exit; above 0 with sum 1.

    Raises:
        ValueError: If the logits are not finite or not one per class, or a
            class has no training examples.

    Warns:
        UserWarning: If it has not converged after `max_iterations`.

    Example:

    >>> trained = np.log([90, 10])  # Two kinds of images, in training 9 to 1.
    >>> logits = trained + 8 * np.eye(2)[[0] * 5 + [1] * 15]
    >>> keras_lt.posthoc.estimate_prior(logits, [90, 10]).round(4)
    array([0.2498, 0.7502])

    Reference:

    - [Saerens et al., 2002](https://doi.org/10.1162/089976602753284446)
    """
    values = as_logits(logits)
    if class_counts is None:
        priors = np.full(values.shape[-1], -np.log(values.shape[-1]))
    else:
        priors = log_priors(class_counts)
        values = as_logits(values, len(priors))
    if not len(values):
        raise ValueError(
            "`logits` must hold one example or more. Received: 0 rows."
        )
    check_not_negative("pseudo_count", pseudo_count)
    check_positive("tolerance", tolerance)
    check_positive_int("max_iterations", max_iterations)
    exits = values if values.ndim == 3 else values[:, None]
    found = []  # Not a comprehension, which is a frame to `warnings`.
    for k in range(exits.shape[1]):
        shares = _most_likely_shares(
            exits[:, k] - priors,
            np.exp(priors),
            pseudo_count / len(values),
            tolerance,
            max_iterations,
        )
        found.append(shares)
    return np.stack(found) if values.ndim == 3 else found[0]


def _most_likely_shares(
    log_densities: np.ndarray,
    start: np.ndarray,
    added: float,
    tolerance: float,
    max_iterations: int,
) -> np.ndarray:
    """Returns the weights of a mixture whose parts are known.

    Args:
        log_densities: Of each example in each class `(n, classes)`, up to a
            number for each example. Float64 is overwritten, to save memory.
        start: The weights to begin with `(classes,)`.
        added: Pseudo-examples of each class, for each example there is.
        tolerance: Greatest distance to the best mean log-likelihood.
        max_iterations: When to give up.
    """
    densities = np.asarray(log_densities, dtype="float64")
    densities -= densities.max(axis=1, keepdims=True)
    np.exp(densities, out=densities)
    shares, total = start, 1.0 + added * len(start)
    for _ in range(max_iterations):
        gains = (1.0 / (densities @ shares)) @ densities / len(densities)
        wanted = shares * gains + added
        # The objective is concave, so that its slope bounds what is left.
        left = (gains + added / shares).max() - total
        if left <= tolerance:
            return shares
        shares = np.maximum(wanted / total, _SMALLEST_SHARE)
        shares = shares / shares.sum()
    warnings.warn(
        f"The prior has not converged in {max_iterations} iterations: the "
        "mean log-likelihood could be greater by as much as "
        f"{left:.3g}, more than `tolerance`, {tolerance:g}. Raise "
        "`max_iterations`.",
        stacklevel=3,
    )
    return shares
