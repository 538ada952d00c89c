"""What exits gave on examples that a model has answered."""

from typing import Any

import numpy as np

from keras_lt.counts import class_groups
from keras_lt.float_arrays import as_array
from keras_lt.float_arrays import finite_floats
from keras_lt.inference.class_mixes import mix_weights
from keras_lt.inference.exit_arrays import check_costs
from keras_lt.inference.exit_scores import score_exits
from keras_lt.inference.operating_point import OperatingPoint
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_labels


def score_answers(
    logits: Tensor,
    exits: Any,
    labels: Any,
    costs: Any,
    class_counts: ClassCounts,
    many: int = 100,
    few: int = 20,
) -> OperatingPoint:
    """Scores what `predict_with_exits` gave, on each group of classes.

    It needs the answers only, so it says what a model really did on the test
    examples; the loss against full depth is then not known, and None.

    Args:
        logits: Of the exit at which each example left, `(n, classes)`.
        exits: That exit `(n,)`, from 1.
        labels: True class ids `(n,)`.
        costs: Work of an example that leaves at each exit `(K,)`, as a share
            of that of the plain backbone.
        class_counts: Number of training examples of each class, by label.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.

    Returns:
        An `OperatingPoint` without thresholds: print it for a table.

    Raises:
        ValueError: If the arrays do not go together, or logits are not finite.

    Example:

    >>> point = keras_lt.inference.score_answers(
    ...     logits=4 * np.eye(2)[[0, 0, 1]],
    ...     exits=[1, 1, 2],
    ...     labels=[0, 1, 1],
    ...     costs=[0.4, 1.0],
    ...     class_counts=[500, 5],
    ... )
    >>> point.scores["many"].exit_shares, point.scores["few"].exit_shares
    ((1.0, 0.0), (0.5, 0.5))
    """
    counts = check_class_counts(class_counts, allow_zero=True)
    class_groups(counts, many, few)  # Raises if the groups overlap.
    ids = check_labels(labels, len(counts))
    values = as_array(logits)
    if values.shape != (len(ids), len(counts)) or not len(ids):
        raise ValueError(
            "`logits` must hold one number per example and class, and one "
            f"example or more. Received: shape {values.shape}, {len(ids)} "
            f"labels and {len(counts)} class counts. Pass what "
            "`predict_with_exits` gave, in the order of the labels."
        )
    values = finite_floats("logits", values)
    work = check_costs("costs", costs, np.size(costs))
    left = _check_exits(exits, len(ids), len(work))
    weights = mix_weights(ids, counts, many, few)
    correct = values.argmax(axis=1) == ids
    return OperatingPoint(None, score_exits(left, correct, weights, work))


def _check_exits(exits: Any, size: int, num_exits: int) -> np.ndarray:
    values = as_array(exits)
    if values.shape != (size,) or values.dtype.kind not in "iu":
        raise ValueError(
            "`exits` must hold one whole number per example, of shape "
            f"({size},). Received: shape {values.shape}, "
            f"dtype={values.dtype}. Pass the `exits` of `predict_with_exits`."
        )
    outside = (values < 1) | (values > num_exits)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"`exits` must be from 1 to {num_exits}, as there are "
            f"{num_exits} costs. Received: {values[row]} at row {row}. Exits "
            "count from 1, and the last is the output of the backbone."
        )
    return values
