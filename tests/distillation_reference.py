"""Distillation in NumPy and double precision."""

from collections.abc import Sequence

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns rows divided by their length."""
    vectors = np.asarray(vectors, "float64")
    return vectors / np.sqrt((vectors**2).sum(axis=-1, keepdims=True))


def cosine_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns 1 less the cosine of each pair of rows."""
    return 1.0 - (unit(a) * unit(b)).sum(axis=-1)


def together(teachers: Sequence[np.ndarray]) -> np.ndarray:
    """Returns `V`: the unit features of all teachers, side by side."""
    return np.concatenate([unit(one) for one in teachers], axis=-1)


def feature_losses(
    features: np.ndarray,
    teachers: Sequence[np.ndarray],
    combine: str = "concatenate",
) -> np.ndarray:
    """Returns the distance of each example from its teachers."""
    if combine == "concatenate":
        return cosine_distances(features, together(teachers))
    distances, start = [], 0
    for one in teachers:
        end = start + one.shape[-1]
        distances.append(cosine_distances(features[:, start:end], one))
        start = end
    return sum(distances) / len(distances)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of each row of logits."""
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def divergences(
    logits: np.ndarray,
    teacher_logits: np.ndarray,
    temperature: float,
    class_counts: Sequence[int] | None = None,
) -> np.ndarray:
    """Returns `T**2` times the divergence of the student from the teacher."""
    teacher_logits = np.asarray(teacher_logits, "float64")
    if class_counts is not None:
        counts = np.asarray(class_counts, "float64")
        teacher_logits = teacher_logits - np.log(counts / counts.sum())
    q = softmax(teacher_logits / temperature)
    p = softmax(np.asarray(logits, "float64") / temperature)
    return temperature**2 * (q * np.log(q / p)).sum(axis=-1)


def crossentropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the cross-entropy of each example."""
    return -np.log(softmax(logits)[np.arange(len(labels)), labels])


def slopes(function, values: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Returns the gradient of a scalar function, by central differences."""
    values = np.asarray(values, "float64")
    found = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        moved = np.zeros_like(values)
        moved[place] = step
        difference = function(values + moved) - function(values - moved)
        found[place] = difference / (2 * step)
    return found
