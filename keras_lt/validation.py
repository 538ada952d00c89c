"""Argument checks; the one place where the wording of errors is decided."""

import operator
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from typing import Any

import numpy as np

from keras_lt.types import ClassCounts

_VALUES_AT_A_TIME = 1 << 20
"""What is looked at together; keeps small what is copied for that."""


def check_positive(name: str, value: float) -> float:
    """Returns `value`, or raises if it is not a finite number above 0."""
    if not 0 < _as_float(value) < np.inf:
        raise ValueError(
            f"`{name}` must be a finite number greater than 0. Received: "
            f"{name}={value!r}. Pass a number such as 0.1 or 1."
        )
    return value


def check_not_negative(name: str, value: float) -> float:
    """Returns `value`, or raises if it is not a finite number from 0 up."""
    if not 0 <= _as_float(value) < np.inf:
        raise ValueError(
            f"`{name}` must be a finite number, 0 or greater. Received: "
            f"{name}={value!r}. Pass 0, or a number such as 0.1 or 1."
        )
    return value


def check_positive_int(name: str, value: int) -> int:
    """Returns `value` as an int, or raises if it is not a whole number > 0."""
    return _check_int(name, value, least=1)


def check_several_classes(value: int) -> int:
    """Returns `num_classes` as an int, or raises if there is no choice."""
    if check_positive_int("num_classes", value) < 2:
        raise ValueError(
            "`num_classes` must be 2 or greater. Received: "
            f"num_classes={value}. For a question of yes or no, pass 2."
        )
    return int(value)


def check_not_negative_int(name: str, value: int) -> int:
    """Returns `value` as an int, or raises if it is not a whole number >= 0."""
    return _check_int(name, value, least=0)


def check_fraction(name: str, value: float, *, open_end: bool = False) -> float:
    """Returns `value`, or raises if it is outside 0 to 1."""
    number = _as_float(value)
    if not (0 <= number < 1 or (number == 1 and not open_end)):
        end = "smaller than 1" if open_end else "at most 1"
        raise ValueError(
            f"`{name}` must be at least 0 and {end}. Received: "
            f"{name}={value!r}. Pass a share such as 0.5, which is 50 percent."
        )
    return value


def _check_int(name: str, value: Any, least: int) -> int:
    whole = _as_int(value)
    if whole is None or whole < least:
        raise ValueError(
            f"`{name}` must be a whole number, {least} or greater. Received: "
            f"{name}={value!r}. Pass an int."
        )
    return whole


def _as_float(value: Any) -> float:
    """Returns NaN, which is in no range, for what is no number."""
    if isinstance(value, str | bytes):
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _as_int(value: Any) -> int | None:
    """Returns None for what is no int; a truth value and `2.0` are none."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_choice(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """Returns `value`, or raises if it is not one of `allowed`."""
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, allowed))}. "
            f"Received: {name}={value!r}."
        )
    return value


def check_class_counts(
    class_counts: ClassCounts, *, allow_zero: bool = False
) -> tuple[int, ...]:
    """Returns the counts as ints, or raises if they cannot serve as a prior.

    The message names how many classes are wrong and the first of them, never
    the whole list, which may have thousands of entries. What only sorts classes
    into groups may `allow_zero`.
    """
    values = np.asarray(class_counts)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            "`class_counts` must hold one count per class, for 2 classes or "
            f"more. Received: an array of shape {values.shape}. Use "
            "`keras_lt.class_counts(labels, num_classes)`."
        )
    if values.dtype.kind not in "iuf":
        raise ValueError(
            "`class_counts` must hold numbers. Received: "
            f"dtype={values.dtype}. Use "
            "`keras_lt.class_counts(labels, num_classes)`."
        )
    wrong = np.flatnonzero(~np.isfinite(values) | (values != np.floor(values)))
    if len(wrong):
        raise ValueError(
            "`class_counts` must hold whole, finite numbers. Received: "
            f"{len(wrong)} of {len(values)} that are not, first at label "
            f"{wrong[0]}: {values[wrong[0]]}. Pass the number of training "
            "examples of each class."
        )
    if allow_zero and (values < 0).any():
        first = int(np.argmax(values < 0))
        raise ValueError(
            "`class_counts` must be 0 or greater for every class. Received: "
            f"{values[first]} at label {first}. Pass the number of training "
            "examples of each class."
        )
    empty = np.flatnonzero(values < 1)
    if len(empty) and not allow_zero:
        raise ValueError(
            "`class_counts` must be at least 1 for every class, since a class "
            f"without examples has no prior. Received: {len(empty)} of "
            f"{len(values)} classes below 1, first at label {empty[0]}: "
            f"{values[empty[0]]}. Drop the unseen labels, or pass "
            "`np.maximum(counts, 1)`."
        )
    return tuple(int(count) for count in values)


def check_counts_of_model(counts: Sequence[int], num_classes: int) -> None:
    """Raises if there is not one count for each class of a model."""
    if len(counts) != num_classes:
        raise ValueError(
            "`class_counts` must hold one count for each of the "
            f"{num_classes} classes of the model. Received: {len(counts)} "
            f"counts for {num_classes} classes. Use `keras_lt.class_counts("
            f"labels, num_classes={num_classes})`."
        )


def numbers_per_class(values: Any, num_classes: int) -> list[float] | None:
    """Returns one finite number, 0 or greater, for each class; None if not."""
    try:
        array = np.asarray(values, dtype="float64")
    except (TypeError, ValueError):  # Of a dict, say.
        return None
    if array.shape != (num_classes,) or not np.isfinite(array).all():
        return None
    return array.tolist() if (array >= 0).all() else None


def check_labels(
    labels: Any, num_classes: int | None = None, name: str = "labels"
) -> np.ndarray:
    """Returns integer labels as an int32 array of shape `(n,)`.

    Args:
        labels: Class ids, of shape `(n,)` or `(n, 1)`.
        num_classes: If given, each label must be below it.
        name: What the labels are called in the message.

    Raises:
        ValueError: If the labels are not whole numbers, are negative, out of
            range, or of another rank.
    """
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"`{name}` must hold one class id per example, of shape (n,). "
            f"Received: shape {values.shape}. For one-hot labels, pass "
            f"`np.argmax({name}, axis=-1)`."
        )
    if values.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be integer class ids. Received: "
            f"dtype={values.dtype}. Turn names into ids with "
            f"`np.unique({name}, return_inverse=True)`, and whole floats with "
            f"`{name}.astype('int32')`."
        )
    if len(values) and values.min() < 0:
        first = int(np.argmax(values < 0))
        raise ValueError(
            f"`{name}` must be 0 or greater. Received: {values[first]} at row "
            f"{first}. Count classes from 0."
        )
    if num_classes is not None and len(values) and values.max() >= num_classes:
        first = int(np.argmax(values >= num_classes))
        raise ValueError(
            f"`{name}` must be below the number of classes, {num_classes}. "
            f"Received: {values[first]} at row {first}. Count classes from 0, "
            "or raise `num_classes`."
        )
    if len(values) and values.max() > np.iinfo("int32").max:
        first = int(np.argmax(values > np.iinfo("int32").max))
        raise ValueError(
            f"`{name}` must fit into 32 bits. Received: {values[first]} at row "
            f"{first}. Number the classes from 0, with "
            f"`np.unique({name}, return_inverse=True)`."
        )
    return values.astype("int32", copy=False)


def check_class_names(class_names: Any) -> list[str]:
    """Returns the names as strings, or raises if they have no order."""
    if isinstance(class_names, str | Mapping | Set):
        raise ValueError(
            "`class_names` must be a list, in the order of the labels. "
            f"Received: a {type(class_names).__name__}. Of a dict from names "
            "to labels, pass `sorted(names, key=names.get)`."
        )
    return [str(name) for name in class_names]


def check_float32(dtype: Any) -> str:
    """Returns "float32", or raises if another type is asked for.

    A float16 or bfloat16 loss would round class ids (8141 becomes 8128) and
    lose the small differences between likely classes.
    """
    name = getattr(dtype, "compute_dtype", dtype) or "float32"
    if name != "float32":
        raise ValueError(
            "`dtype` must be 'float32' or None, since lower types round class "
            f"ids and logits. Received: dtype={name!r}. Leave `dtype` out; "
            "logits of any float type are accepted."
        )
    return "float32"


def check_batch(labels: Any, logits: Any, num_classes: int) -> None:
    """Raises if labels and logits cannot be those of `num_classes` classes.

    It looks at shapes only, which are known while a step is being compiled.
    """
    if len(logits.shape) != 2 or logits.shape[-1] != num_classes:
        raise ValueError(
            "`y_pred` must hold one logit per example and class, of shape "
            f"(batch, {num_classes}), since there are {num_classes} classes. "
            f"Received: shape {tuple(logits.shape)}. Give the classifier "
            f"{num_classes} outputs, or pass the counts of its classes."
        )
    shape = tuple(labels.shape)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] in (1, num_classes)):
        return
    raise ValueError(
        "`y_true` must hold class ids of shape (batch,) or (batch, 1), or "
        f"one-hot or soft labels of shape (batch, {num_classes}). Received: "
        f"shape {shape}. Check `num_classes` where the labels are made."
    )


def check_soft_labels(name: str, labels: np.ndarray) -> None:
    """Raises unless each row `(n, classes)` holds the shares of an example.

    The sum of a row may be off by as much as rounding to half precision makes.
    """
    for start, part in _row_parts(labels):
        shares = part.astype("float32")
        sums = shares.sum(axis=1)
        # NaN compares as false.
        fine = (shares >= 0).all(axis=1) & (np.abs(sums - 1) <= 0.01)
        if not fine.all():
            row = int(np.argmin(fine))
            raise ValueError(
                f"Soft labels in `{name}` must be 0 or greater, and each row "
                f"must sum to 1. Received: row {start + row} with numbers from "
                f"{shares[row].min():.4g} to {shares[row].max():.4g} and the "
                f"sum {sums[row]:.4g}. Divide each row by its sum, or pass "
                "class ids."
            )


def check_finite(
    name: str,
    values: np.ndarray,
    hint: str = "Repair that row or leave it out.",
    limit: float | None = None,
) -> None:
    """Raises if an array of floats holds NaN or infinity, naming the row.

    Args:
        name: What the array is called in the message.
        values: An array; one that holds no floats passes.
        hint: The end of the message: what to do.
        limit: Greater numbers count as infinite. By default none do.
    """
    if values.dtype.kind != "f" or values.size == 0:
        return
    values = np.atleast_1d(values)
    largest = np.finfo(values.dtype).max if limit is None else limit
    for start, part in _row_parts(values):
        # NaN compares as false, and neither end makes a copy of the part.
        if -largest <= part.min() and part.max() <= largest:
            continue
        fine = (np.abs(part) <= largest).reshape(len(part), -1).all(axis=1)
        raise ValueError(
            f"`{name}` must be finite. Received: NaN or infinity, first in row "
            f"{start + int(np.argmin(fine))} of {len(values)}. {hint}"
        )


def check_thresholds(
    name: str, value: float | Sequence[float], number: int
) -> np.ndarray:
    """Returns a threshold for each exit but the last, in float64.

    Args:
        name: What the thresholds are called in the message.
        value: One for all exits, or one for each of them.
        number: How many exits there are beside the last.
    """
    thresholds = np.asarray(value, "float64")
    if thresholds.ndim == 0:
        thresholds = np.full(number, thresholds)
    if thresholds.shape != (number,):
        raise ValueError(
            f"`{name}` must be one number, or one for each exit but the last, "
            f"{number}. Received: {name} of shape {thresholds.shape}. Leave "
            "out the last exit, at which all that are left leave."
        )
    wrong = thresholds[~((thresholds >= 0) & (thresholds <= 1))]
    if len(wrong):
        raise ValueError(
            f"`{name}` must be from 0 to 1: an example leaves where its score "
            f"is greater. Received: {wrong[0]}. With 1, nobody leaves."
        )
    return thresholds


def check_gives_logits(classifier: Any) -> None:
    """Raises if a layer, the classifier of a model, has an activation."""
    activation = classifier.get_config().get("activation", "linear")
    if activation not in (None, "linear"):
        raise ValueError(
            "`classifier` must return logits, without an activation. "
            f"Received: {classifier.name!r} with activation={activation!r}. "
            "Leave the activation out: the losses apply the softmax."
        )


def _row_parts(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields some rows at a time, and the number of the first of them."""
    step = max(1, _VALUES_AT_A_TIME * len(values) // max(1, values.size))
    # Infinity less infinity is NaN, and a comparison with it is false.
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(values), step):
            yield start, values[start : start + step]
