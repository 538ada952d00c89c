"""Makes a report of what a model answered; the model is not needed."""

import datetime
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.float_arrays import as_array
from keras_lt.float_arrays import finite_floats
from keras_lt.float_arrays import look_like_probabilities
from keras_lt.report.bootstrap import accuracy_intervals
from keras_lt.report.class_table import ClassTable
from keras_lt.report.class_table import make_class_table
from keras_lt.report.outcomes import outcomes_of_logits
from keras_lt.report.report_card import ReportCard
from keras_lt.score_weights import score_weights
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor
from keras_lt.validation import check_labels
from keras_lt.validation import check_not_negative_int
from keras_lt.validation import check_positive_int


def from_logits(
    logits: Tensor,
    labels: Any,
    class_counts: ClassCounts,
    class_names: Sequence[str] | None = None,
    many: int = 100,
    few: int = 20,
    *,
    name: str = "model",
    seed: int = 0,
    resamples: int = 2000,
    history: Mapping[str, Sequence[float]] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> ReportCard:
    """Makes a report of the logits of a model, of any framework.

    Args:
        logits: `(n, classes)`, finite, before the softmax. For a model that
            ends in a softmax, use `from_probabilities`.
        labels: True class ids `(n,)`.
        class_counts: Number of *training* examples of each class, by label.
            A class with 0 counts as few.
        class_names: Name of each class, by label. By default its number.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
        name: What the run is called in tables.
        seed: Of the resamples behind the intervals.
        resamples: Number of resamples; 2,000 settle the ends of a 95 %
            interval to about a twentieth of its length.
        history: Values of each epoch by name, as in `History.history`.
        meta: What else to remember: anything that JSON can hold.

    Returns:
        A `ReportCard`.

    Raises:
        ValueError: If the logits are not finite, look like probabilities, or
            do not go with the labels or the counts.

    Example:

    >>> logits = np.array([[4.0, 0.0], [3.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    >>> card = keras_lt.report.from_logits(logits, [0, 0, 1, 1], [500, 5])
    >>> card.accuracy, card.groups["many"].accuracy, card.groups["few"].accuracy
    (0.75, 1.0, 0.5)
    """
    classes = make_class_table(class_counts, class_names, many, few)
    values = _check_scores("logits", logits, len(classes))
    ids = _check_test_labels(labels, values, classes)
    if look_like_probabilities(values):
        raise ValueError(
            "`logits` must be the outputs before the softmax, or confidence "
            "and calibration come out wrong. Received: rows from 0 to 1 that "
            "sum to 1, which are probabilities. Use "
            "`report.from_probabilities`, or `report.evaluate(..., "
            "from_logits=False)`."
        )
    check_positive_int("resamples", resamples)
    check_not_negative_int("seed", seed)
    outcomes = outcomes_of_logits(values, ids)
    supports = np.bincount(ids, minlength=len(classes))
    hits = np.bincount(ids[outcomes.correct], minlength=len(classes))
    weights = score_weights(supports, classes.groups)
    return ReportCard(
        name=str(name),
        classes=classes,
        outcomes=outcomes,
        intervals=accuracy_intervals(hits, supports, weights, resamples, seed),
        history=_plain_history(history),
        meta=_plain_meta(meta, seed=seed, resamples=resamples),
    )


def from_probabilities(
    probabilities: Tensor,
    labels: Any,
    class_counts: ClassCounts,
    class_names: Sequence[str] | None = None,
    many: int = 100,
    few: int = 20,
    **kwargs: Any,
) -> ReportCard:
    """Makes a report of the probabilities of a model that ends in a softmax.

    Args:
        probabilities: `(n, classes)`, from 0 to 1; rows sum to 1.
        labels: True class ids `(n,)`.
        class_counts: Number of training examples of each class, by label.
        class_names: Name of each class, by label. By default its number.
        many: Classes with more training examples than this are `many`.
        few: Classes with fewer training examples than this are `few`.
        **kwargs: `name`, `seed`, `resamples`, `history` and `meta`, as in
            `from_logits`.

    Returns:
        A `ReportCard`.

    Raises:
        ValueError: As `from_logits`, or if the rows are no probabilities.

    Example:

    >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> card = keras_lt.report.from_probabilities(
    ...     probabilities, [0, 1], [500, 5]
    ... )
    >>> round(card.negative_log_likelihood, 4)  # Of -log(0.9) and -log(0.4).
    0.5108
    """
    num_classes = len(np.atleast_1d(class_counts))
    values = _check_scores("probabilities", probabilities, num_classes)
    if not look_like_probabilities(values):
        raise ValueError(
            "`probabilities` must be from 0 to 1, and each row must sum to 1. "
            f"Received: values from {values.min():.4g} to {values.max():.4g}, "
            f"and a first row that sums to {values[0].sum():.4g}. For outputs "
            "before the softmax, use `report.from_logits`."
        )
    # A softmax in float32 gives 0 where the logarithm would be infinite.
    logits = np.log(np.maximum(values, np.finfo("float32").tiny))
    return from_logits(
        logits, labels, class_counts, class_names, many, few, **kwargs
    )


def _check_scores(name: str, scores: Tensor, num_classes: int) -> np.ndarray:
    """Returns finite floats of shape `(n, num_classes)`, or raises."""
    values = as_array(scores)
    if values.ndim != 2 or values.shape[1] != num_classes:
        raise ValueError(
            f"`{name}` must hold one number per example and class, of shape "
            f"(n, {num_classes}), as there are {num_classes} class counts. "
            f"Received: shape {values.shape}. Pass one count for each output "
            "of the model."
        )
    if not len(values):
        raise ValueError(
            f"`{name}` must hold one example or more. Received: 0 rows."
        )
    # Beyond float32, differences overflow.
    return finite_floats(name, values, limit=float(np.finfo("float32").max))


def _check_test_labels(
    labels: Any, scores: np.ndarray, classes: ClassTable
) -> np.ndarray:
    ids = check_labels(labels, len(classes))
    if len(ids) != len(scores):
        raise ValueError(
            "There must be one label per row of logits. Received: "
            f"{len(ids)} labels and {len(scores)} rows. Predict the examples "
            "in the order of their labels, all of them."
        )
    return ids


def _plain_history(
    history: Mapping[str, Sequence[float]] | None,
) -> dict[str, list[float | None]]:
    """Returns the history as lists that JSON can hold; NaN becomes None."""
    plain: dict[str, list[float | None]] = {}
    for key, values in (history or {}).items():
        numbers = np.asarray(values, dtype="float64")
        if numbers.ndim != 1:
            raise ValueError(
                "`history` must hold one number per epoch under each name. "
                f"Received: shape {numbers.shape} under {key!r}. Pass the "
                "`history` attribute of what `fit` returns."
            )
        plain[str(key)] = [
            number if np.isfinite(number) else None
            for number in numbers.tolist()
        ]
    return plain


def _plain_meta(meta: Mapping[str, Any] | None, **own: Any) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    full = {"date": now, **own, **(meta or {})}
    try:
        return json.loads(json.dumps(full, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`meta` must hold what JSON can: text, finite numbers, lists and "
            f"dicts. Received: {error}. Turn such values into text."
        ) from error
