"""Lets a model answer the test examples, and reports."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.data import Examples
from keras_lt.data import Split
from keras_lt.data.check_sums import check_sum
from keras_lt.data.random_transforms import warn_of_random
from keras_lt.data.transforms import Transform
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.report.report_card import ReportCard
from keras_lt.report.scoring import from_logits as report_logits
from keras_lt.report.scoring import from_probabilities
from keras_lt.samplers import InOrder


def evaluate(
    model: keras.Model,
    split: Split,
    batch_size: int = 256,
    transform: TransformFunction | None = None,
    history: Any = None,
    *,
    from_logits: bool = True,
    verbose: int | str = 0,
    meta: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> ReportCard:
    """Lets a model answer the test examples of a split, and reports.

    A split without test examples is reported on its validation examples, and
    the report says so.

    Args:
        model: Any Keras model. Its `predict` gives `(n, classes)`, or a dict
            with these under `"logits"`.
        split: What the model was trained on, with a test part.
        batch_size: Number of images of a batch.
        transform: Called as `transform(images, labels, generator)`, as in
            training but without what is random: to normalise, say. One that
            is random brings a warning.
        history: What `fit` returned, or its `history`; to plot.
        from_logits: Whether the model gives logits. Pass False for one that
            ends in a softmax.
        verbose: Of `model.predict`.
        meta: What else to remember: anything that JSON can hold.
        **kwargs: `many`, `few`, `name`, `seed` and `resamples`, as in
            `report.from_logits`.

    Returns:
        A `ReportCard`.

    Raises:
        ValueError: If there is nothing to test on, or what the model gives
            does not go with the classes of the split.

    Example:

    >>> from keras_lt import data, report
    >>> images, labels = np.zeros((6, 4, 4, 1)), np.array([0, 0, 0, 0, 1, 1])
    >>> split = data.from_arrays(images, labels, test=(images, labels))
    >>> flatten, dense = keras.layers.Flatten(), keras.layers.Dense(2)
    >>> model = keras.Sequential([flatten, dense])
    >>> report.evaluate(model, split).class_supports
    [4, 2]
    """
    part, examples = _test_part(split)
    _check_transform(transform)
    warn_of_random(transform)
    batches = Batches(
        (examples.x, examples.y),
        batch_size=min(batch_size, len(examples)),
        sampler=InOrder(),
        transform=transform,
        shard=(0, 1),  # In each process all of it.
    )
    outputs = _logits_of(model.predict(batches, verbose=verbose))
    if isinstance(history, keras.callbacks.History):
        history = history.history
    make = report_logits if from_logits else from_probabilities
    return make(
        outputs,
        examples.y,
        split.class_counts,
        split.class_names,
        history=history,
        meta={
            "data": split.name,
            "part": part,
            "examples": check_sum(examples),
            **(meta or {}),
        },
        **{"name": model.name, **kwargs},
    )


def _test_part(split: Split) -> tuple[str, Examples]:
    if split.test is not None:
        return "test", split.test
    if split.validation is not None:
        return "validation", split.validation
    raise ValueError(
        "`split` must have test or validation examples to report on. "
        "Received: a split with training examples only. Make it with "
        "`test=(images, labels)` or `validation_fraction=0.1`."
    )


def _check_transform(transform: TransformFunction | None) -> None:
    if isinstance(transform, Transform) and transform.mixes_examples:
        raise ValueError(
            "`transform` must keep each image with its label. Received: "
            f"{type(transform).__name__}, which mixes them. Pass the "
            "transform of evaluation, which normalises and no more."
        )


def _logits_of(outputs: Any) -> np.ndarray:
    if isinstance(outputs, Mapping):
        if "logits" in outputs:
            return np.asarray(outputs["logits"])
        kind = f"a dict of {', '.join(map(repr, outputs))}"
    elif isinstance(outputs, Sequence):
        kind = f"{len(outputs)} outputs"
    else:
        return np.asarray(outputs)
    raise ValueError(
        "`model.predict` must give one array, or a dict with `'logits'`. "
        f"Received: {kind}. Choose the output, for instance by "
        "`keras.Model(model.input, output)`, or use `report.from_logits`."
    )
