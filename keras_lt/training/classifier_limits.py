"""Keeps the weights of classifiers small while a stage trains them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.graph.layer_tree import variables_to_train
from keras_lt.layers import CosineClassifier
from keras_lt.models.weight_decay import add_weight_decay
from keras_lt.training.layer_selection import ClassifierName
from keras_lt.training.layer_selection import selected_layers
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive


class ClassifierLimits(keras.callbacks.Callback):
    """Bounds the norm of each class, and sets the weight decay, in one stage.

    Afterwards, the variables have the constraints and regularizers of before.

    Args:
        classifier: Which layers.
        max_norm: The largest norm, or one for each classifier; None for none.
        weight_decay: Coupled decay of all variables of the classifiers; None
            for that of the model.
    """

    def __init__(
        self,
        classifier: ClassifierName,
        max_norm: float | Sequence[float] | None,
        weight_decay: float | None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        limits = np.ravel([] if max_norm is None else max_norm).tolist()
        self.limits = [check_positive("max_norm", limit) for limit in limits]
        if weight_decay is not None:
            check_not_negative("weight_decay", weight_decay)
        self.weight_decay = weight_decay
        self._before: list[tuple[keras.Variable, Any, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Sets constraints and regularizers, which the compiled step has."""
        layers = selected_layers(self.model, self.classifier)
        self._before = [
            (variable, variable.constraint, variable.regularizer)
            for layer in layers
            for variable in variables_to_train(layer)
        ]
        if self.limits:
            self._set_constraints(class_kernels(layers))
        if self.weight_decay is not None:
            for layer in layers:
                add_weight_decay(layer, self.weight_decay)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the variables back what they had."""
        self.lift()

    def lift(self) -> None:
        """Does so also where the training failed; again, it does nothing."""
        if self._before:
            # They have them compiled in.
            self.model.train_function = self.model.test_function = None
        for variable, constraint, regularizer in self._before:
            variable.constraint = constraint
            variable.regularizer = regularizer
        self._before = []

    def _set_constraints(self, kernels: list[keras.Variable]) -> None:
        limits = self.limits
        if len(limits) == 1:
            limits = limits * len(kernels)
        if len(limits) != len(kernels):
            raise ValueError(
                "`max_norm` must be a number, or one for each classifier. "
                f"Received: {len(limits)} numbers for {len(kernels)} "
                "classifiers. Use those of `training.norm_limits`."
            )
        for kernel, limit in zip(kernels, limits, strict=True):
            kernel.constraint = keras.constraints.MaxNorm(limit, axis=0)


def norm_limits(
    model: keras.Model, share: float = 0.1, classifier: str = "classifier"
) -> list[float]:
    """Returns a bound for the norms of the classes of a trained classifier.

    A classifier that is trained on long-tailed data has larger weights for
    frequent classes. The bound lies between the smallest and the largest norm
    of a class, so that most frequent classes have to come down to it. Pass it
    to `retrained_classifier(max_norm=...)`.

    Args:
        model: The model, trained.
        share: Where the bound lies, from 0, at the smallest norm, to 1, at the
            largest. The authors' code has 0.1.
        classifier: As in `retrained_classifier`.

    Returns:
        One number for each classifier: one, or as many as there are exits.

    Raises:
        ValueError: If `share` is not from 0 to 1, or the norms of a classifier
            do not count, as those of a `CosineClassifier`.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((2,)), keras.layers.Dense(2, name="classifier")]
    ... )
    >>> model.set_weights([np.array([[3.0, 1.0], [4.0, 0.0]]), np.zeros(2)])
    >>> [round(one, 4) for one in keras_lt.training.norm_limits(model, 0.1)]
    [1.4]

    Reference:

    - [Alshammari et al., 2022](https://arxiv.org/abs/2203.14197)
    """
    check_fraction("share", share)
    found = []
    layers = selected_layers(model, ClassifierName(classifier))
    for kernel in class_kernels(layers):
        values = np.asarray(keras.ops.convert_to_numpy(kernel), "float64")
        norms = np.linalg.norm(values, axis=0)
        found.append(float(norms.min() + share * np.ptp(norms)))
    return found


def class_kernels(layers: Sequence[keras.layers.Layer]) -> list[keras.Variable]:
    """Returns the kernels of classifiers, `(features, classes)`, or raises."""
    for layer in layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and not isinstance(layer, CosineClassifier):
            continue
        raise ValueError(
            "The norm of a class can be bounded in a classifier with a kernel "
            f"whose norms count. Received: {layer.name!r}, a "
            f"{type(layer).__name__}. Use a linear classifier, or leave out "
            "`max_norm`."
        )
    return [layer.kernel for layer in layers]
