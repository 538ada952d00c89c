"""Chooses the strength of a correction on held-out examples."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.counts import class_groups
from keras_lt.counts import log_priors
from keras_lt.posthoc.batch_answers import answers_and_labels
from keras_lt.posthoc.batch_answers import exit_logit_model
from keras_lt.posthoc.logit_adjustment import subtracted
from keras_lt.posthoc.logit_arrays import as_held_out
from keras_lt.posthoc.logit_arrays import parts
from keras_lt.posthoc.tau_normalization import bias_of
from keras_lt.posthoc.tau_normalization import classifiers_of
from keras_lt.posthoc.tau_normalization import kernel_of
from keras_lt.posthoc.tau_normalization import powers_of_lengths
from keras_lt.posthoc.tau_sweep import TauSweep
from keras_lt.score_weights import SCORES
from keras_lt.score_weights import score_weights
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_not_negative

TAUS = tuple(round(0.1 * step, 1) for step in range(21))
"""From 0 to 2 in steps of 0.1, as in the paper on tau-normalisation."""


def choose_tau(
    logits: Tensor,
    labels: Any,
    class_counts: ClassCounts,
    taus: Sequence[float] = TAUS,
    *,
    many: int = 100,
    few: int = 20,
) -> TauSweep:
    """Finds the strength of logit adjustment that is best on held-out data.

    The best has the greatest mean of class accuracies. A held-out part of a
    long-tailed data set has but a few examples of the rare classes, so that
    the choice is partly luck; with fewer than some ten of each, `tau=1` needs
    no choice and is consistent.

    Args:
        logits: Answers to examples that are neither those of training nor
            those of the test, `(n, classes)` or `(n, exits, classes)`.
        labels: Their class ids, `(n,)`.
        class_counts: Number of training examples of each class, by label.
        taus: Strengths to try, 0 or greater.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Returns:
        A `TauSweep`, whose `tau` goes to `adjust_logits`: one number, or one
        for each exit.

    Raises:
        ValueError: If logits, labels and counts do not go together, the
            logits are not finite, or a `tau` is negative.

    Example:

    >>> logits = np.array([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> sweep = keras_lt.posthoc.choose_tau(logits, [0, 1, 1], [90, 10])
    >>> sweep.tau, sweep.balanced_accuracy
    (1.0, 1.0)
    >>> adjusted = keras_lt.posthoc.adjust_logits(logits, [90, 10], sweep.tau)
    >>> adjusted.argmax(axis=1).tolist()
    [0, 1, 1]

    Reference:

    - [Menon et al., 2021](https://arxiv.org/abs/2007.07314)
    """
    counts = check_class_counts(class_counts)
    values, ids = as_held_out(logits, labels, len(counts))
    priors = log_priors(counts)

    def adjusted(part: np.ndarray, tau: float) -> np.ndarray:
        return subtracted(part, tau * priors)

    found = _sweep(values, ids, adjusted, taus, counts, many, few)
    return found if np.ndim(logits) == 3 else _of_one_exit(found)


def choose_tau_normalization(
    model: keras.Model,
    x: Any,
    y: Any = None,
    class_counts: ClassCounts | None = None,
    taus: Sequence[float] = TAUS,
    *,
    keep_bias: bool = False,
    many: int = 100,
    few: int = 20,
) -> TauSweep:
    """Finds the `tau` of `tau_normalized` that is best on held-out data.

    The best has the greatest mean of class accuracies. The model answers the
    data once: the logits of all strengths follow from those at 0.

    Args:
        model: As in `tau_normalized`.
        x: Images that are neither those of training nor those of the test: an
            array, or `Batches` (or other data that `fit` takes) with labels,
            without random transforms.
        y: Their class ids `(n,)`, if `x` is an array.
        class_counts: Number of training examples of each class, by label.
            Only the scores of the groups need them.
        taus: Strengths to try, 0 or greater.
        keep_bias: As in `tau_normalized`.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Returns:
        A `TauSweep`, whose `tau` goes to `tau_normalized`: one number, or one
        for each exit of an `EarlyExitModel`.

    Raises:
        ValueError: If the classifier is not linear and without an activation,
            or the data, the model and the counts do not go together.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.set_weights([np.diag([4.0, 1.0]), np.zeros(2)])
    >>> x, y = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([0, 1])
    >>> sweep = keras_lt.posthoc.choose_tau_normalization(model, x, y)
    >>> sweep.tau, sweep.balanced_accuracy
    (0.3, 1.0)

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.3.
    """
    layers = classifiers_of(model)
    biases = np.stack([bias_of(layer) for layer in layers])
    kept = biases if keep_bias else np.zeros_like(biases)
    kernels = [kernel_of(layer) for layer in layers]
    counts = None
    if class_counts is not None:
        counts = check_class_counts(class_counts, allow_zero=True)
    (logits,), labels = answers_and_labels(exit_logit_model(model), x, y)
    width = biases.shape[1] if counts is None else len(counts)
    values, ids = as_held_out(logits, labels, width)

    def normalized(part: np.ndarray, tau: float) -> np.ndarray:
        powers = np.stack([powers_of_lengths(one, tau) for one in kernels])
        return (part - biases) / powers + kept

    found = _sweep(values, ids, normalized, taus, counts, many, few)
    return found if logits.ndim == 3 else _of_one_exit(found)


def _sweep(
    logits: np.ndarray,
    labels: np.ndarray,
    change: Callable[[np.ndarray, float], np.ndarray],
    taus: Sequence[float],
    class_counts: Sequence[int] | None,
    many: int,
    few: int,
) -> TauSweep:
    """Returns the scores `(taus, exits)` of logits `(n, exits, classes)`."""
    tried = _checked(taus)
    exits, num_classes = logits.shape[1:]
    hits = np.zeros((len(tried), exits, num_classes))
    for part in parts(len(logits), exits * num_classes):
        for hit, tau in zip(hits, tried, strict=True):
            answers = change(logits[part], tau).argmax(axis=-1)
            np.add.at(hit.T, labels[part], answers == labels[part, None])
    supports = np.bincount(labels, minlength=num_classes)
    accuracies = hits / np.maximum(supports, 1)
    groups = {}
    if class_counts is not None:
        groups = class_groups(class_counts, many, few)
    weights = score_weights(supports, groups)
    scores: dict[str, np.ndarray | None] = dict.fromkeys(SCORES)
    for name, weight in weights.items():
        if weight is not None:
            scores[name] = (accuracies * weight).sum(axis=-1)
    return TauSweep(tried, scores)


def _checked(taus: Sequence[float]) -> tuple[float, ...]:
    values = np.asarray(taus, dtype="float64")
    if values.ndim != 1 or not len(values):
        raise ValueError(
            "`taus` must hold one number or more. Received: an array of shape "
            f"{values.shape}. Leave it out to try 0 to 2."
        )
    tried = sorted(set(values.tolist()))
    for tau in tried:
        check_not_negative("tau", tau)
    return tuple(tried)


def _of_one_exit(sweep: TauSweep) -> TauSweep:
    scores = {
        name: None if values is None else values[:, 0]
        for name, values in sweep.scores.items()
    }
    return TauSweep(sweep.taus, scores)
