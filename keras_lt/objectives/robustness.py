"""The worst-case loss of DRO-LT around class centroids."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.data.epoch_data import EpochData
from keras_lt.layers.pooling import make_pooling
from keras_lt.objectives.centroid_refresh import CentroidRefresh
from keras_lt.objectives.objective import Objective
from keras_lt.objectives.radii import Radii
from keras_lt.ops import distances
from keras_lt.ops.robustness import BOUNDS
from keras_lt.ops.robustness import DISTANCES
from keras_lt.ops.robustness import batch_centroids
from keras_lt.ops.robustness import class_weights_in_batch
from keras_lt.ops.robustness import robust_losses
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_fraction
from keras_lt.validation import check_positive
from keras_lt.validation import numbers_per_class

CENTROIDS = ("epoch", "moving_average", "batch")


@serializable
class Robustness(Objective):
    """Gathers features around centroids that may be off (DRO-LT).

    The mean of a few examples is a poor guess of the centroid of a class. So
    each class has a ball around the centroid, the larger the fewer its
    examples, and the features are trained for the worst centroid in it. The
    default bounds the part of the loss that separates classes,
    `bound="strict"` all of it::

        l_i = log sum_j exp((d(m, z_i) - d(m, z_j) + margin_ij) / T)

    with the centroid `m` of the class of example `i`, examples `j` of the
    batch, and a margin of `2 * radius` for `j` of another class. It is averaged
    over the examples of a class, then over the classes of the batch. Batches
    need several examples of a class (`samplers.ClassAware`), and 4 of them
    leave a loss of `log(4)` at the least, but with `negatives_only`. Examples
    of weight 0, and those that `mask_objectives` leaves out, bring no loss,
    but count among the examples of their class: of it remains the share that
    others have.

    `fit` refreshes the centroids by itself, from the data that it trains on.
    With `train_on_batch`, which knows no epochs, take another kind of
    centroids: until they are known, the term is 0.

    Args:
        class_counts: Number of training examples of each class, by label.
        radius: `"sqrt_n"`, proportional to `1 / sqrt(n)`; `"shared"`, the same
            for all; `"learned"`, trained with its mean held, and penalised
            for what it differs from `"sqrt_n"`; `"released"`, trained as in
            the published code, where it collapses; or one radius per class.
        mean_radius: Mean of the radii over the classes, in units of the
            distance. 0 is the control without a worst case.
        bound: `"same_class"` is the form of the released code and bounds the
            part of the loss that separates classes; `"strict"` bounds all of
            it; `"negatives_only"` leaves other examples of the class out of
            the sum.
        distance: `"euclidean"`; `"chord"`, between features of length 1; or
            `"squared_euclidean"`, whose margin also grows with the distance of
            the two examples, and with which `"same_class"` bounds nothing.
        temperature: What distances are divided by, greater than 0.
        centroids: `"epoch"`, means over a pass in evaluation mode at the
            start of each epoch; `"moving_average"` over the batches; or
            `"batch"`, the means of the batch itself.
        momentum: What a moving average keeps of itself at each batch.
        class_weights: Weight of each class in the mean over classes; ones if
            None.
        radius_penalty: Factor on the penalty of `"learned"`.
        batches: What the pass goes over, as `fit` takes it: `Batches` with
            the sampler that a recipe names, for instance. If None, `"epoch"`
            takes what is trained on. With a moving average, the first pass
            gives its start, and others only measure. Not saved with the
            model.
        weight: Factor on the term.
        base_weight: Factor on the classification loss. `1 - weight` gives the
            joint loss with one lambda.
        features: Name of one of the model's `feature_layers`, whose maps are
            averaged over their positions; None for what the classifier gets.
        **kwargs: `name`. By default `"robustness"`, with that of the features.

    Raises:
        ValueError: If an argument is out of range, or counts and radii or
            weights are not for the same classes.

    Example:

    >>> counts = [500, 50, 5]
    >>> term = keras_lt.objectives.Robustness(counts, mean_radius=0.5)
    >>> [round(float(radius), 3) for radius in term.current_radii()]
    [0.106, 0.335, 1.059]
    >>> model = keras_lt.LongTailModel(
    ...     keras_lt.models.resnet20((8, 8, 1)), num_classes=3
    ... )
    >>> model.compile(
    ...     "sgd",
    ...     loss=keras_lt.losses.BalancedSoftmax(counts),
    ...     objectives=[term],
    ... )

    Reference:

    - [Samuel and Chechik, 2021](https://arxiv.org/abs/2104.03066)
    """

    compares_examples = True

    def __init__(
        self,
        class_counts: ClassCounts,
        radius: str | Sequence[float] = "sqrt_n",
        mean_radius: float = 0.5,
        bound: str = "same_class",
        distance: str = "euclidean",
        temperature: float = 1.0,
        centroids: str = "epoch",
        momentum: float = 0.9,
        class_weights: Sequence[float] | None = None,
        radius_penalty: float = 1.0,
        batches: Any = None,
        weight: float = 1.0,
        base_weight: float = 1.0,
        features: str | None = None,
        **kwargs: Any,
    ):
        if kwargs.get("name") is None:
            kwargs["name"] = _name_for(features)
        super().__init__(weight, base_weight, features, **kwargs)
        self.class_counts = list(check_class_counts(class_counts))
        self.num_classes = len(self.class_counts)
        self.bound = check_choice("bound", bound, BOUNDS)
        self.distance = check_choice("distance", distance, DISTANCES)
        self.temperature = check_positive("temperature", temperature)
        self.centroid_kind = check_choice("centroids", centroids, CENTROIDS)
        self.momentum = check_fraction("momentum", momentum, open_end=True)
        self.class_weights = _check_weights(class_weights, self.num_classes)
        self.batches = _check_batches(batches, centroids)
        self.radii = Radii(
            radius,
            self.class_counts,
            mean_radius,
            radius_penalty,
            self.add_weight,
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.pooling = make_pooling(input_shape)
        dim = self.pooling.compute_output_shape(input_shape)[-1]
        if self.centroid_kind != "batch":
            self.centroids = self._add_state("centroids", (dim,))
            self.known = self._add_state("known", ())
        self.built = True

    def call(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        x: Tensor = None,
        y: Tensor = None,
        outputs: Any = None,
    ) -> tuple[Tensor, Tensor]:
        """Returns values and weights, whose weighted mean is the term.

        Args:
            features: `(batch, dim)`, or maps that are averaged.
            labels: `(batch,)` class ids.
            x: Not used, like the next two.
            y: Not used.
            outputs: Not used.

        Returns:
            Losses `(batch,)`, and weights `(batch,)` that make their mean one
            of classes. A class without a centroid has weight 0.
        """
        features = self.pooling(features)
        centroids, known = self._centroids_of(features, labels)
        values = robust_losses(
            features,
            labels,
            centroids,
            ops.take(self.radii.current(), labels, axis=0),
            self.bound,
            self.distance,
            self.temperature,
        )
        of_class = None
        if self.class_weights is not None:
            weights = ops.convert_to_tensor(self.class_weights, "float32")
            of_class = ops.take(weights, labels, axis=0)
        weights = class_weights_in_batch(labels, of_class) * known
        return values + self.radii.divergence(), weights

    @property
    def setting_variables(self) -> Sequence[keras.Variable]:
        # Not by `trainable`, which is False where the term is frozen.
        radii = [] if self.radii.trained else [self.radii.values]
        return [*super().setting_variables, *radii]

    def callbacks(
        self, x: Any = None, y: Any = None
    ) -> Sequence[keras.callbacks.Callback]:
        if self.batches is not None:
            return [CentroidRefresh(self, EpochData(self.batches))]
        if self.centroid_kind == "epoch":
            return [CentroidRefresh(self, EpochData(x, y))]
        return [CentroidRefresh(self, None)]

    def current_radii(self) -> np.ndarray:
        """Returns the radius of each class, `(classes,)`."""
        return ops.convert_to_numpy(self.radii.current())

    def points_of(self, features: Any) -> np.ndarray:
        """Returns the vectors between which distances are measured."""
        return ops.convert_to_numpy(self._points(features))

    def set_centroids(self, centroids: np.ndarray, known: np.ndarray) -> None:
        """Replaces the centroids.

        Args:
            centroids: `(classes, dim)`.
            known: `(classes,)`, 0 for those to leave out.
        """
        self.centroids.assign(centroids)
        self.known.assign(known)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "class_counts": self.class_counts,
            "radius": self.radii.kind,
            "mean_radius": self.radii.mean_radius,
            "bound": self.bound,
            "distance": self.distance,
            "temperature": self.temperature,
            "centroids": self.centroid_kind,
            "momentum": self.momentum,
            "class_weights": self.class_weights,
            "radius_penalty": self.radii.penalty,
        }

    def _centroids_of(
        self, features: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor | float]:
        """Returns the centroid of each example's class, and if it is known."""
        if self.centroid_kind == "batch":
            return self._batch_means(features, labels), 1.0
        known = ops.take(ops.convert_to_tensor(self.known), labels, axis=0)
        stored = ops.convert_to_tensor(self.centroids)
        centroids = ops.take(stored, labels, axis=0)
        if self.centroid_kind == "epoch":
            return centroids, known
        kept = self.momentum * known[:, None]
        means = self._batch_means(features, labels)
        centroids = kept * centroids + (1.0 - kept) * means
        # Examples of one class write the same row.
        rows = labels[:, None]
        self.centroids.assign(ops.scatter_update(stored, rows, centroids))
        seen = ops.ones_like(known)
        self.known.assign(
            ops.scatter_update(ops.convert_to_tensor(self.known), rows, seen)
        )
        return centroids, seen

    def _batch_means(self, features: Tensor, labels: Tensor) -> Tensor:
        return batch_centroids(self._points(features), labels)

    def _points(self, features: Tensor) -> Tensor:
        if self.distance != "chord":
            return features
        return distances.unit(ops.convert_to_tensor(features))

    def _add_state(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(self.num_classes, *shape),
            initializer="zeros",
            trainable=False,
        )


def _name_for(features: str | None) -> str:
    if features is None:
        return "robustness"
    return f"robustness_{features}".replace("/", "_")


def _check_batches(batches: Any, centroids: str) -> Any:
    if batches is not None and centroids == "batch":
        raise ValueError(
            "`batches` must be left out where each batch has its own "
            "centroids, as there are none to look at before an epoch. "
            "Received: centroids='batch' with batches. Leave one of them out."
        )
    return batches


def _check_weights(
    class_weights: Sequence[float] | None, num_classes: int
) -> list[float] | None:
    if class_weights is None:
        return None
    values = numbers_per_class(class_weights, num_classes)
    if values is None or not any(values):
        raise ValueError(
            "`class_weights` must hold a finite number, 0 or greater, for "
            f"each of {num_classes} classes, and one above 0. Received: "
            f"a {type(class_weights).__name__} of shape "
            f"{np.shape(class_weights)}. Leave it out to weigh all alike."
        )
    return values
