"""The robustness loss of a batch of the reference, on the running backend."""

from typing import Any

import numpy as np
from keras import ops

from keras_lt.ops import robustness as module
from tests import robustness_reference as reference
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.robustness_reference import Batch


def tensors(batch: Batch) -> tuple[Any, ...]:
    """Returns features, labels, and the values of all classes as tensors."""
    return (
        ops.convert_to_tensor(batch.features, "float32"),
        ops.convert_to_tensor(batch.labels, "int32"),
        ops.convert_to_tensor(batch.centroids, "float32"),
        ops.convert_to_tensor(batch.radii, "float32"),
    )


def gathered(
    values: tuple[Any, ...], bound: str, distance: str, temperature: Any
) -> Any:
    """Returns the losses, from values of classes gathered by label."""
    features, labels, centroids, radii = values
    return module.robust_losses(
        features,
        labels,
        ops.take(centroids, labels, axis=0),
        ops.take(radii, labels, axis=0),
        bound=bound,
        distance=distance,
        temperature=temperature,
    )


def losses(
    batch: Batch,
    bound: str = "same_class",
    distance: str = "euclidean",
    temperature: float = 1.0,
) -> np.ndarray:
    """Returns the loss of each example."""
    return to_numpy(gathered(tensors(batch), bound, distance, temperature))


def total(
    values: tuple[Any, ...],
    bound: str = "same_class",
    distance: str = "euclidean",
    temperature: float = 1.0,
) -> Any:
    """Returns the loss of the batch from tensors."""
    found = gathered(values, bound, distance, temperature)
    weights = module.class_weights_in_batch(values[1])
    return ops.sum(weights * found) / ops.sum(weights)


def by_class(values: np.ndarray, batch: Batch) -> dict[int, float]:
    """Returns the mean loss of each class."""
    return reference.by_class(values.astype("float64"), batch.labels)


def gradient_of(
    name: str,
    batch: Batch,
    bound: str,
    distance: str = "euclidean",
    temperature: float = 1.0,
) -> np.ndarray:
    """Returns the gradient of the batch's loss in one of its arrays."""
    names = ["features", "labels", "centroids", "radii"]
    values = list(tensors(batch))

    def at(x: Any) -> Any:
        values[names.index(name)] = x
        return total(tuple(values), bound, distance, temperature)

    return gradient(at, getattr(batch, name).astype("float32"))


def with_radii(batch: Batch, radius: float) -> Batch:
    """Returns the batch with one radius for all classes."""
    return batch.replace(radii=np.full(len(batch.radii), float(radius)))
