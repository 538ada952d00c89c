"""A split of images that are in memory already."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.data.examples import Examples
from keras_lt.data.holdout import hold_out
from keras_lt.data.holdout import spare_rows
from keras_lt.data.image_source import ImageSource
from keras_lt.data.profiles import long_tailed_rows
from keras_lt.data.split import Split
from keras_lt.data.split import numbers_as_names
from keras_lt.validation import check_fraction
from keras_lt.validation import check_labels
from keras_lt.validation import check_positive_int

Pair = tuple[Any, Any]
"""Images and their labels."""


def from_arrays(
    x: np.ndarray | ImageSource,
    y: np.ndarray,
    *,
    test: Pair | None = None,
    validation_fraction: float = 0.0,
    imbalance_factor: float | None = None,
    profile: str = "exponential",
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
    seed: int = 0,
) -> Split:
    """Makes a split of images and labels that are in memory.

    Args:
        x: Training images of shape `(n, height, width, channels)`: an array,
            or a lazy source.
        y: Their class ids: whole numbers from 0, of shape `(n,)`.
        test: Images and labels to test on.
        validation_fraction: Share of each class of the training images that
            is held out, from 0 to below 1. A class keeps one image at least.
        imbalance_factor: If given, only a long-tailed subset of the images is
            used, whose largest class is so many times its smallest.
        profile: Shape of that subset; see `data.long_tailed_counts`.
        class_names: Name of each class, by label. By default its number.
        name: What the data is called in reports.
        seed: Decides the subset and the validation slice.

    Returns:
        A `data.Split`. Images are copied once where a part of them is taken,
        and not at all where all are.

    Raises:
        ValueError: If images or labels are not usable; the message says which.

    Example:

    >>> from keras_lt import data
    >>> x, y = np.zeros((40, 8, 8, 1), "uint8"), np.arange(40) % 2
    >>> split = data.from_arrays(x, y, validation_fraction=0.25)
    >>> split.class_counts, len(split.validation)
    ([15, 15], 10)
    """
    full = Examples(x, y)
    if class_names is not None:
        check_labels(full.y, len(class_names), name="y")
    rows = None
    settings: dict[str, Any] = {"seed": seed}
    if imbalance_factor is not None:
        rows = long_tailed_rows(full.y, imbalance_factor, profile, seed)
        settings |= {"imbalance_factor": imbalance_factor, "profile": profile}
    return split_of_rows(
        full,
        rows=rows,
        test=None if test is None else Examples(*test),
        validation_fraction=validation_fraction,
        class_names=class_names,
        name=name,
        settings=settings,
        seed=seed,
    )


def split_of_rows(
    full: Examples,
    *,
    rows: np.ndarray | None = None,
    test: Examples | None = None,
    not_spare: np.ndarray | None = None,
    validation_fraction: float = 0.0,
    validation_per_class: int = 0,
    class_names: Sequence[str] | None = None,
    name: str = "data",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Split:
    """Makes a split of some rows of the examples, copying each image once.

    Held out are `validation_fraction` of the rows, or `validation_per_class`
    examples that are neither in `rows` nor in `not_spare`.
    """
    check_fraction("validation_fraction", validation_fraction, open_end=True)
    if class_names is None:
        largest = max(int(part.y.max()) for part in (full, test) if part)
        class_names = numbers_as_names(largest, len(full))
    chosen = np.arange(len(full)) if rows is None else rows
    stay, held = hold_out(full.y[chosen], validation_fraction, seed)
    held = chosen[held]
    how = {"validation_fraction": validation_fraction}
    if validation_per_class:
        used = chosen if not_spare is None else np.append(chosen, not_spare)
        held = _spare(full.y, used, validation_per_class, seed, how)
    everything = rows is None and len(stay) == len(full)
    return Split(
        train=full if everything else full.take(chosen[stay]),
        class_names=class_names,
        validation=full.take(held) if len(held) else None,
        test=test,
        name=name,
        settings={**(settings or {}), **how},
    )


def _spare(
    labels: np.ndarray,
    used: np.ndarray,
    per_class: int,
    seed: int,
    how: dict[str, Any],
) -> np.ndarray:
    """Returns the rows to hold out, and notes in `how` that it was so."""
    check_positive_int("validation_per_class", per_class)
    if how["validation_fraction"]:
        raise ValueError(
            "Only one of `validation_fraction` and `validation_per_class` must "
            f"be given. Received: {how['validation_fraction']} and "
            f"{per_class}. The first takes images from the training set, the "
            "second from those that the subset leaves over."
        )
    rows = spare_rows(labels, used, per_class, seed)
    found, present = (len(np.unique(labels[one])) for one in (rows, used))
    if 2 * found <= present:
        raise ValueError(
            "`validation_per_class` must find images of most classes that the "
            "long-tailed subset leaves over, or what is chosen on them favours "
            f"these. Received: data of which it leaves some of {found} classes "
            f"of {present}. Use `validation_fraction`, or data with the full "
            "training set; with the profile 'step', half of the classes keep "
            "all that they have."
        )
    how["validation_per_class"] = per_class
    return rows
