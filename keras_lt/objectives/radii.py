"""The radius of the ball around each class centroid."""

import warnings
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative
from keras_lt.validation import numbers_per_class

KINDS = ("sqrt_n", "shared", "learned", "released")


class Radii:
    """Holds one radius per class, fixed or trained.

    It is no layer, so that its variable is the objective's own.

    A loss that is minimised over the radii makes them as small as it can, as
    less uncertainty is never worse. So radii that are trained must be held:
    `"learned"` keeps their mean, shares it out by a softmax, and is penalised
    by the Kullback-Leibler divergence of `"sqrt_n"` from the shares, which is
    infinite where a class has none.

    Args:
        kind: One of `KINDS`, or one radius per class.
        class_counts: Number of training examples of each class, by label.
        mean_radius: Mean over the classes; of given radii, not used.
        penalty: Factor on the divergence, for `"learned"`.
        add_weight: Makes the variable: the method of a layer.

    Attributes:
        trained: Whether they are.
    """

    def __init__(
        self,
        kind: str | Sequence[float],
        class_counts: Sequence[int],
        mean_radius: float,
        penalty: float,
        add_weight: Callable[..., keras.Variable],
    ) -> None:
        check_not_negative("mean_radius", mean_radius)
        self.kind = check_kind(kind, len(class_counts))
        self.trained = self.kind in ("learned", "released")
        self.penalty = check_not_negative("radius_penalty", penalty)
        self.mean_radius = mean_radius
        inverse_roots = 1.0 / np.sqrt(np.asarray(class_counts, "float64"))
        self._shares = inverse_roots / inverse_roots.sum()
        self.values = add_weight(
            name="share_logits" if self.kind == "learned" else "radii",
            shape=(len(class_counts),),
            initializer="zeros",
            trainable=self.trained,
        )
        self.values.assign(self._start())
        if self.kind == "released":
            warnings.warn(
                "`radius='released'` trains radii that nothing holds, as the "
                "published code does. They shrink below 0, where they are no "
                "radii. Use it to compare; 'learned' holds their mean.",
                stacklevel=4,
            )

    def current(self) -> Tensor:
        """Returns the radii, `(classes,)`."""
        values = ops.convert_to_tensor(self.values)
        if self.kind != "learned":
            return values
        total = self.mean_radius * len(self._shares)
        return total * ops.exp(self._log_shares(values))

    def divergence(self) -> Tensor | float:
        """Returns the penalty, a scalar."""
        if self.kind != "learned" or not self.penalty:
            return 0.0
        log_shares = self._log_shares(ops.convert_to_tensor(self.values))
        wanted = ops.convert_to_tensor(self._shares, "float32")
        return self.penalty * ops.sum(wanted * (ops.log(wanted) - log_shares))

    def _log_shares(self, values: Tensor) -> Tensor:
        wanted = ops.convert_to_tensor(np.log(self._shares), "float32")
        return ops.log_softmax(wanted + values)

    def _start(self) -> np.ndarray:
        size = len(self._shares)
        if self.kind == "sqrt_n":
            return self.mean_radius * size * self._shares
        if self.kind == "learned":
            return np.zeros(size)
        if isinstance(self.kind, str):
            return np.full(size, self.mean_radius)
        return np.asarray(self.kind)


def check_kind(kind: Any, num_classes: int) -> Any:
    """Returns the kind of radii, or given radii as a list of floats."""
    if isinstance(kind, str):
        if kind in KINDS:
            return kind
    else:
        values = numbers_per_class(kind, num_classes)
        if values is not None:
            return values
    shown = f"a {type(kind).__name__} of shape {np.shape(kind)}"
    if isinstance(kind, str):
        shown = repr(kind)
    raise ValueError(
        f"`radius` must be one of {', '.join(map(repr, KINDS))}, or one "
        f"finite number, 0 or greater, for each of {num_classes} classes. "
        f"Received: {shown}. For one radius for all, pass "
        "radius='shared' and `mean_radius`."
    )
