"""Temperatures that make probabilities of logits."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_lt.posthoc.logit_arrays import as_logits
from keras_lt.types import Tensor


@dataclasses.dataclass(frozen=True)
class TemperatureScaling:
    """Divides the logits of each example by a temperature.

    Made by `fit_temperature`. Which class is the largest does not change,
    within an example; how sure the model is of it does, and with it the order
    of examples by confidence.

    Args:
        temperatures: Under `"all"`, or under `"many"`, `"medium"` and `"few"`
            for examples that are answered with a class of that group: one
            number, or one for each exit.
        class_groups: The labels of each group; None if there is only `"all"`.

    Example:

    >>> scaling = keras_lt.posthoc.TemperatureScaling({"all": 2.0})
    >>> scaling(np.array([[4.0, 1.0]])).tolist()
    [[2.0, 0.5]]

    Reference:

    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """

    temperatures: Mapping[str, float | tuple[float, ...]]
    class_groups: Mapping[str, tuple[int, ...]] | None = None

    def __call__(self, logits: Tensor) -> np.ndarray:
        """Returns scaled logits, in float64 for float64 and else in float32.

        Args:
            logits: `(n, classes)`, or `(n, exits, classes)` if there is a
                temperature for each exit.
        """
        values = as_logits(logits, self._num_classes)
        by_group = np.array(list(self.temperatures.values()))
        exits = values.shape[1:-1]
        if by_group.shape[1:] != exits:
            raise ValueError(
                "`logits` must be of the exits that temperatures were fitted "
                f"for. Received: temperatures of shape {by_group.shape[1:]} "
                f"and logits of shape {values.shape}. Fit on logits of the "
                "same exits."
            )
        rows = self._rows(values)
        places = np.indices(rows.shape)[1:]  # The exit of each.
        chosen = by_group[(rows, *places)]
        result = np.empty_like(values)  # As `astype` would copy all of them.
        return np.divide(
            values, chosen[..., None], out=result, casting="same_kind"
        )

    @property
    def _num_classes(self) -> int | None:
        if self.class_groups is None:
            return None
        return sum(len(labels) for labels in self.class_groups.values())

    def _rows(self, logits: np.ndarray) -> np.ndarray:
        """Returns which of the temperatures is that of each example."""
        if self.class_groups is None:
            return np.zeros(logits.shape[:-1], dtype=int)
        return group_rows(logits, self.class_groups, list(self.temperatures))


def group_rows(
    logits: np.ndarray,
    class_groups: Mapping[str, tuple[int, ...]],
    names: list[str],
) -> np.ndarray:
    """Returns the place among `names` of the group of each answer."""
    row_of_class = np.zeros(logits.shape[-1], dtype=int)
    for name, labels in class_groups.items():
        row_of_class[list(labels)] = names.index(name)
    return row_of_class[logits.argmax(axis=-1)]
