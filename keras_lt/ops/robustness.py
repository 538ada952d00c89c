"""The loss of DRO-LT: examples around the worst centroid of a ball."""

from keras import ops

from keras_lt.ops import distances
from keras_lt.types import Tensor

BOUNDS = ("same_class", "strict", "negatives_only")
DISTANCES = ("euclidean", "chord", "squared_euclidean")


def robust_losses(
    features: Tensor,
    labels: Tensor,
    centroids: Tensor,
    radii: Tensor,
    bound: str = "same_class",
    distance: str = "euclidean",
    temperature: float = 1.0,
) -> Tensor:
    """Returns how badly each example is told apart by its class centroid.

    With the centroid `m` of the class of example `i`, its radius `r` and the
    distance `d`, the loss without a ball is the negative log-likelihood of
    the example among those of the batch::

        l_i = log sum_j exp((d(m, z_i) - d(m, z_j)) / T)

    A centroid that moves by up to `r` changes a difference of two distances
    by up to `2 r`, so the worst one is bounded by adding that to the terms
    `j` that count as movable:

    - `"same_class"`: those of other classes, as in the released code. The
      part of the loss that separates classes is bounded, though not with
      squared distances; the part that gathers the examples of one class is
      that of the centroid as it is.
    - `"strict"`: all but `i` itself, which bounds the whole loss.
    - `"negatives_only"`: those of other classes, while the other examples of
      the class are left out of the sum. It bounds the loss of that sum.

    Args:
        features: `(batch, dim)`, of any float type.
        labels: Class ids, `(batch,)`.
        centroids: Centroid of the class of each example, `(batch, dim)`. It
            gets no gradient.
        radii: Radius of the class of each example, `(batch,)`.
        bound: One of `BOUNDS`.
        distance: `"euclidean"`; `"chord"`, the same between vectors of unit
            length; or `"squared_euclidean"`, where `2 r` times the distance
            of the two examples takes the place of `2 r`.
        temperature: `T`, greater than 0.

    Returns:
        `(batch,)`, in float32.
    """
    centroids = ops.stop_gradient(ops.convert_to_tensor(centroids))
    if distance == "chord":
        features = distances.unit(features)
        centroids = distances.unit(centroids)
    margins = 2.0 * ops.cast(radii, "float32")[:, None]
    if distance == "squared_euclidean":
        to_each = distances.squared_euclidean(centroids, features)
        margins = margins * distances.euclidean(features, features)
    else:
        to_each = distances.euclidean(centroids, features)
    own = ops.diagonal(to_each)[:, None]
    rows = ops.arange(ops.shape(labels)[0])
    itself = rows[:, None] == rows[None, :]
    negative = labels[:, None] != labels[None, :]
    movable = ops.logical_not(itself) if bound == "strict" else negative
    margins = ops.where(movable, margins, 0.0)
    terms = (own - to_each + margins) / temperature
    if bound == "negatives_only":
        counted = ops.logical_or(negative, itself)
        terms = ops.where(counted, terms, float("-inf"))
    return ops.logsumexp(terms, axis=1)


def class_weights_in_batch(
    labels: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Returns weights whose mean is one of classes, not of examples.

    A mean with these weights is the mean over the examples of each class,
    then over the classes of the batch.

    Args:
        labels: Class ids, `(batch,)`.
        class_weights: Weight of the class of each example, `(batch,)`; ones
            if None.

    Returns:
        `(batch,)`, in float32; those of a class sum to the weight of it.
    """
    weights = 1.0 / ops.sum(_same_class(labels), axis=1)
    return weights if class_weights is None else weights * class_weights


def batch_centroids(features: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean feature of the class of each example in the batch.

    Args:
        features: `(batch, dim)`, of any float type.
        labels: Class ids, `(batch,)`.

    Returns:
        `(batch, dim)`, in float32.
    """
    same = _same_class(labels)
    features = ops.cast(features, "float32")
    return ops.matmul(same, features) / ops.sum(same, axis=1, keepdims=True)


def _same_class(labels: Tensor) -> Tensor:
    return ops.cast(labels[:, None] == labels[None, :], "float32")
