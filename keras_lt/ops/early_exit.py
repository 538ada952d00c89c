"""Who leaves at which exit, and what that does to the loss.

An example leaves at the first exit at which its score is greater than the
threshold of that exit, and at the last exit if there is none. The score is in
[0, 1], so that nobody leaves at an exit of threshold 1.

Shapes: `K` is the number of exits; logits are `(batch, K, classes)`, scores
`(batch, K - 1)`, thresholds `(K - 1,)`. Exits are numbered from 1.
"""

import math
from collections.abc import Callable

from keras import ops

from keras_lt.ops.crossentropy import are_soft
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.types import Tensor

Criterion = Callable[[Tensor, Tensor], Tensor]
"""Maps logits `(batch, classes)` and labels to scores `(batch,)`."""


def confidence(logits: Tensor) -> Tensor:
    """Returns the largest softmax probability."""
    return ops.max(ops.softmax(ops.cast(logits, "float32"), axis=-1), axis=-1)


def low_entropy(logits: Tensor) -> Tensor:
    """Returns 1 - entropy / log(classes): 1 if sure, 0 if uniform."""
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    entropy = -ops.sum(ops.exp(log_p) * log_p, axis=-1)
    certain = 1.0 - entropy / math.log(logits.shape[-1])
    return ops.clip(certain, 0.0, 1.0)


MEASURES = {"confidence": confidence, "entropy": low_entropy}
"""The scores that need no label, by name: those of use."""


def certainty(logits: Tensor, measure: str = "confidence") -> Tensor:
    """Returns the score of each row of logits in use, in float32.

    Args:
        logits: `(..., classes)`.
        measure: `"confidence"`, the largest softmax probability, or
            `"entropy"`, 1 less the entropy as a share of its maximum.
    """
    if 0 in tuple(logits.shape):  # One exit; torch has no maximum of nothing.
        return ops.cast(logits[..., 0], "float32")
    return MEASURES[measure](logits)


def _is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    ids = as_class_ids(labels, logits.shape[-1])
    found = ops.cast(ops.argmax(logits, axis=-1), "int32")
    return ops.cast(ops.equal(found, ids), "float32")


def _true_probability(logits: Tensor, labels: Tensor) -> Tensor:
    num_classes = logits.shape[-1]
    p = ops.softmax(ops.cast(logits, "float32"), axis=-1)
    if are_soft(labels, num_classes):
        return ops.sum(p * ops.cast(labels, "float32"), axis=-1)
    ids = as_class_ids(labels, num_classes)
    return ops.take_along_axis(p, ids[:, None], axis=-1)[:, 0]


CRITERIA: dict[str, Criterion] = {
    "correct_and_confident": lambda logits, labels: (
        confidence(logits) * _is_correct(logits, labels)
    ),
    "confidence": lambda logits, labels: confidence(logits),
    "true_probability": _true_probability,
    "correct": _is_correct,
    "entropy": lambda logits, labels: low_entropy(logits),
}
"""The scores of training, where labels are known, by name.

A soft label, of mixup for instance, is met by its largest class in `correct`,
and by the mean over its classes in `true_probability`.
"""


def exit_scores(
    exit_logits: Tensor, labels: Tensor, criterion: Criterion
) -> Tensor:
    """Returns how easy each example is at each exit but the last.

    No gradient flows through it.

    Args:
        exit_logits: `(batch, K, classes)`, ready for softmax, without margins.
        labels: Class ids `(batch,)` or soft labels `(batch, classes)`.
        criterion: One of `CRITERIA`, or another function like them.

    Returns:
        `(batch, K - 1)`.
    """
    logits = ops.stop_gradient(exit_logits)
    last = exit_logits.shape[1] - 1
    if not last:
        return ops.cast(logits[:, :0, 0], "float32")
    scores = [criterion(logits[:, k], labels) for k in range(last)]
    return ops.stop_gradient(ops.stack(scores, axis=1))


def alive(scores: Tensor, thresholds: Tensor) -> Tensor:
    """Returns 1 for each exit that an example reaches, else 0.

    In the formula, with the score `s` and the threshold `t`::

        alive_1 = 1,    alive_(k+1) = alive_k * [s_k <= t_k]

    Args:
        scores: `(batch, K - 1)`.
        thresholds: `(K - 1,)`.

    Returns:
        `(batch, K)`, in float32. Each row falls from 1 to 0 once, or never.
    """
    # Not `scores <= thresholds`, as a NaN must not let an example leave.
    stays = ops.logical_not(ops.greater(scores, thresholds))
    first = ops.ones((ops.shape(scores)[0], 1), "float32")
    later = ops.cumprod(ops.cast(stays, "float32"), axis=1)
    return ops.concatenate([first, later], axis=1)


def exit_of(scores: Tensor, thresholds: Tensor) -> Tensor:
    """Returns the exit at which each example leaves, `(batch,)`, from 1."""
    return ops.cast(ops.sum(alive(scores, thresholds), axis=1), "int32")


def at_exit(exit_logits: Tensor, exits: Tensor) -> Tensor:
    """Returns the logits `(batch, classes)` at the given exits, from 1."""
    index = ops.reshape(ops.cast(exits, "int32") - 1, (-1, 1, 1))
    return ops.take_along_axis(exit_logits, index, axis=1)[:, 0]
