"""A search for the worst centroid in a ball, in many random cases at once."""

import functools

import numpy as np

from tests import robustness_reference as reference
from tests.robustness_reference import NUM_CLASSES
from tests.robustness_reference import Batch

SIZE, DIM = 8, 6
COUNTS = {"euclidean": 500, "chord": 200, "squared_euclidean": 200}


def random_cases(kind: str) -> list[tuple[Batch, int, float]]:
    """Returns random batches, each with one of its classes and a temperature.

    All have the same shape, so that backends compile once; dimensions that a
    case does not use are 0.
    """
    rng = np.random.default_rng(7)
    return [_random_case(rng) for _ in range(COUNTS[kind])]


def _random_case(rng: np.random.Generator) -> tuple[Batch, int, float]:
    classes = int(rng.integers(1, NUM_CLASSES + 1))
    labels = rng.integers(0, classes, SIZE)
    used = np.arange(DIM) < rng.integers(1, DIM + 1)
    means = rng.uniform(0, 3) * rng.normal(size=(NUM_CLASSES, DIM)) * used
    features = means[labels] + rng.normal(size=(SIZE, DIM)) * used
    centroids = means + 0.2 * rng.normal(size=means.shape) * used
    if rng.uniform() < 0.5:  # The mean of the batch, as far as there is one.
        for c in np.unique(labels):
            centroids[c] = features[labels == c].mean(axis=0)
    batch = Batch(
        features=features,
        labels=labels,
        centroids=centroids,
        radii=rng.uniform(0.02, 1.5, NUM_CLASSES),
        class_weights=np.ones(NUM_CLASSES),
    )
    return batch, int(rng.choice(labels)), float(2 ** rng.uniform(-2, 2))


def on_the_sphere(cases: list[tuple[Batch, int, float]]) -> list:
    """Returns the cases with all vectors divided by their lengths."""
    return [
        (
            batch.replace(
                features=reference.unit(batch.features),
                centroids=reference.unit(batch.centroids),
            ),
            label,
            temperature,
        )
        for batch, label, temperature in cases
    ]


@functools.cache
def worst(loss: str, kind: str) -> np.ndarray:
    """Returns the largest loss found for each of the random cases."""
    cases = random_cases(kind)
    if kind == "chord":
        cases, kind = on_the_sphere(cases), "euclidean"
    return ascend(cases, loss, kind)


def ascend(
    cases: list[tuple[Batch, int, float]],
    loss: str,
    kind: str = "euclidean",
    starts: int = 5,
    steps: int = 80,
) -> np.ndarray:
    """Returns the largest class mean that projected ascent finds in the ball.

    Args:
        cases: A batch, one of its classes and a temperature, each.
        loss: "plain", "plain_negatives", or "mass": `-log P(class | centroid)`.
        kind: "euclidean" or "squared_euclidean".
        starts: Number of points to start from; the first is the centroid.
        steps: Number of steps from each.
    """
    stacked = _stack(cases)
    features, _, _, centre, radius, _ = stacked
    rng = np.random.default_rng(0)
    shape = (len(cases), starts, features.shape[-1])
    offset = rng.normal(size=shape) * np.any(features, axis=1)[:, None, :]
    offset /= np.maximum(np.linalg.norm(offset, axis=-1, keepdims=True), 1e-9)
    offset *= radius * rng.uniform(0.3, 1, size=(*shape[:2], 1))
    offset[:, 0] = 0
    largest = np.full(shape[:2], -np.inf)
    for length in np.geomspace(1.0, 0.005, steps):
        value, slope = _value_and_slope(stacked, centre + offset, loss, kind)
        largest = np.maximum(largest, value)
        norm = np.linalg.norm(slope, axis=-1, keepdims=True)
        offset = offset + radius * length * slope / np.maximum(norm, 1e-30)
        norm = np.linalg.norm(offset, axis=-1, keepdims=True)
        offset *= np.minimum(1, radius / np.maximum(norm, 1e-30))
    value, _ = _value_and_slope(stacked, centre + offset, loss, kind)
    return np.maximum(largest, value).max(axis=1)


def _stack(cases: list[tuple[Batch, int, float]]) -> tuple:
    """Returns the cases of one shape in arrays, with masks."""
    features = np.array([batch.features for batch, _, _ in cases])
    own = np.array([[batch.labels == label] for batch, label, _ in cases])
    centre = np.array([b.centroids[c] for b, c, _ in cases])[:, None]
    radius = np.array([b.radii[c] for b, c, _ in cases])[:, None, None]
    temperature = np.array([t for _, _, t in cases])[:, None, None]
    return features, own, ~own, centre, radius, temperature


def _value_and_slope(
    stacked: tuple, points: np.ndarray, loss: str, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the loss `(cases, starts)` and its slope at the points."""
    features, own, other, _, _, temperature = stacked
    away = points[:, :, None, :] - features[:, None, :, :]
    squared = np.sum(away**2, axis=-1)
    if kind == "squared_euclidean":
        rows, direction = squared, 2 * away
    else:
        rows = np.sqrt(squared)
        direction = away / np.maximum(rows, 1e-30)[..., None]
    value, by_row = _LOSSES[loss](rows / temperature, own, other)
    by_row = by_row / temperature
    return value, np.sum(by_row[..., None] * direction, axis=2)


def _log_sum(scaled: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns `log(sum(exp(-scaled)))` over the mask; -inf where empty."""
    kept = np.where(mask, -scaled, -np.inf)
    largest = np.max(kept, axis=-1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return largest + np.log(
            np.sum(np.exp(kept - largest), axis=-1, keepdims=True)
        )


def _share(scaled: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the softmax of `-scaled` over the mask; 0 where empty."""
    total = _log_sum(scaled, mask)
    total = np.where(np.isfinite(total), total, 0.0)
    return np.where(mask, np.exp(np.where(mask, -scaled - total, 0.0)), 0.0)


def _plain(scaled: np.ndarray, own: np.ndarray, other: np.ndarray) -> tuple:
    mean = own / own.sum(axis=-1, keepdims=True)
    everyone = own | other
    value = np.sum(mean * scaled, axis=-1) + _log_sum(scaled, everyone)[..., 0]
    return value, mean - _share(scaled, everyone)


def _mass(scaled: np.ndarray, own: np.ndarray, other: np.ndarray) -> tuple:
    everyone = own | other
    value = (_log_sum(scaled, everyone) - _log_sum(scaled, own))[..., 0]
    return value, _share(scaled, own) - _share(scaled, everyone)


def _plain_negatives(
    scaled: np.ndarray, own: np.ndarray, other: np.ndarray
) -> tuple:
    mean = own / own.sum(axis=-1, keepdims=True)
    against = scaled + _log_sum(scaled, other)
    value = np.sum(mean * np.logaddexp(0, against), axis=-1)
    lost = mean * np.exp(against - np.logaddexp(0, against))
    total = np.sum(lost, axis=-1, keepdims=True)
    return value, lost - total * _share(scaled, other)


_LOSSES = {
    "plain": _plain,
    "mass": _mass,
    "plain_negatives": _plain_negatives,
}
