"""The robustness loss in NumPy and double precision, class by class.

A class's centroid is the anchor: the row of distances from it to all examples
of the batch gives `P(z | centroid)`, a softmax over the examples.
"""

import dataclasses

import numpy as np

BOUNDS = ("same_class", "strict", "negatives_only")
DISTANCES = ("euclidean", "chord", "squared_euclidean")
NUM_CLASSES = 5


@dataclasses.dataclass(frozen=True)
class Batch:
    """Examples `(n, dim)`, their labels, and values of all classes by label."""

    features: np.ndarray
    labels: np.ndarray
    centroids: np.ndarray
    radii: np.ndarray
    class_weights: np.ndarray

    def replace(self, **changes: np.ndarray) -> "Batch":
        """Returns a copy with other values."""
        return dataclasses.replace(self, **changes)


def random_batch(
    seed: int = 0, size: int = 12, dim: int = 3, spread: float = 2.0
) -> Batch:
    """Returns an unsorted batch with unequal radii.

    Of the `NUM_CLASSES` classes class 1 is absent and class 4 has one example.
    """
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 2, 3, 4], rng.choice([0, 2, 3], size - 4)])
    labels = rng.permutation(labels)
    means = spread * rng.normal(size=(NUM_CLASSES, dim))
    return Batch(
        features=(means[labels] + rng.normal(size=(size, dim))),
        labels=labels,
        centroids=means + 0.3 * rng.normal(size=means.shape),
        radii=rng.permutation([0.1, 0.3, 0.6, 1.0, 1.5]),
        class_weights=rng.permutation([0.5, 1.0, 2.0, 3.0, 7.0]),
    )


def golden_batch() -> Batch:
    """Returns a batch that no generator of random numbers made."""
    labels = np.array([2, 0, 3, 2, 0, 4, 2, 3])
    steps = np.arange(8 * 3).reshape(8, 3)
    places = np.arange(NUM_CLASSES * 3).reshape(NUM_CLASSES, 3)
    return Batch(
        features=np.sin(2.0 * steps) + 0.5 * labels[:, None],
        labels=labels,
        centroids=np.cos(places) + 0.5 * np.arange(NUM_CLASSES)[:, None],
        radii=np.array([0.2, 0.9, 0.4, 0.7, 1.1]),
        class_weights=np.array([1.0, 4.0, 2.0, 3.0, 5.0]),
    )


def counterexample() -> Batch:
    """Returns one dimension where `same_class` is below the worst case."""
    return Batch(
        features=np.array([[-1.0], [50.0], [1.0]]),
        labels=np.array([0, 1, 0]),
        centroids=np.array([[0.0], [50.0]]),
        radii=np.array([0.5, 0.5]),
        class_weights=np.ones(2),
    )


def unit(x: np.ndarray) -> np.ndarray:
    """Returns vectors of length 1, and 0 for 0."""
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)


def distance(a: np.ndarray, b: np.ndarray, kind: str) -> float:
    """Returns the distance of two vectors."""
    if kind == "chord":
        a, b = unit(a), unit(b)
    squared = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return squared if kind == "squared_euclidean" else squared**0.5


def log_sum_exp(values: list[float]) -> float:
    """Returns `log(sum(exp(values)))`, -inf for no values."""
    if len(values) == 0:
        return -np.inf
    largest = max(values)
    return largest + np.log(sum(np.exp(v - largest) for v in values))


def class_row(batch: Batch, label: int, kind: str) -> list[float]:
    """Returns the distances from a class's centroid to all examples."""
    centroid = batch.centroids[label]
    return [distance(centroid, z, kind) for z in batch.features]


def margin(batch: Batch, i: int, j: int, kind: str) -> float:
    """Returns how much `d_i - d_j` can grow while the centroid moves."""
    length = 2 * batch.radii[batch.labels[i]]
    if kind == "squared_euclidean":
        length *= distance(batch.features[i], batch.features[j], "euclidean")
    return length


def losses(
    batch: Batch,
    bound: str,
    kind: str = "euclidean",
    temperature: float = 1.0,
) -> np.ndarray:
    """Returns the loss of each example.

    Args:
        batch: Examples and classes.
        bound: One of `BOUNDS`, or "plain", "plain_negatives" or "uniform".
        kind: One of `DISTANCES`.
        temperature: What distances are divided by.
    """
    found = np.zeros(len(batch.labels))
    for label in np.unique(batch.labels):
        row = class_row(batch, label, kind)
        for i in np.flatnonzero(batch.labels == label):
            exponents = [0.0]
            for j, other in enumerate(batch.labels):
                if j == i:
                    continue
                same = other == label
                if same and bound in ("negatives_only", "plain_negatives"):
                    continue
                extra = margin(batch, i, j, kind)
                if bound.startswith("plain") or bound == "uniform":
                    extra = 0.0
                if same and bound == "same_class":
                    extra = 0.0
                exponents.append((row[i] - row[j] + extra) / temperature)
            found[i] = log_sum_exp(exponents)
            if bound == "uniform":
                found[i] += 2 * batch.radii[label] / temperature
    return found


def by_class(values: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Returns the mean over the examples of each class in the batch."""
    return {int(c): values[labels == c].mean() for c in np.unique(labels)}


def batch_loss(
    values: np.ndarray,
    labels: np.ndarray,
    class_weights: np.ndarray | None = None,
) -> float:
    """Returns the mean over the classes in the batch of their means."""
    means = by_class(values, labels)
    if class_weights is None:
        return sum(means.values()) / len(means)
    total = sum(class_weights[c] for c in means)
    return sum(class_weights[c] * value for c, value in means.items()) / total


def compactness(
    batch: Batch, label: int, kind: str, temperature: float
) -> float:
    """Returns `mean d/T + log A`, over the class's own examples."""
    row = np.array(class_row(batch, label, kind))[batch.labels == label]
    return row.mean() / temperature + log_sum_exp(list(-row / temperature))


def separation(
    batch: Batch, label: int, kind: str, temperature: float
) -> float:
    """Returns `log(1 + exp(2r/T) B/A)`."""
    row = np.array(class_row(batch, label, kind))
    same = batch.labels == label
    ratio = (
        2 * batch.radii[label] / temperature
        + log_sum_exp(list(-row[~same] / temperature))
        - log_sum_exp(list(-row[same] / temperature))
    )
    return float(np.logaddexp(0.0, ratio))


def share_of_own_class(batch: Batch, label: int, temperature: float) -> float:
    """Returns `P_c(S_c)`, with the margin on the other classes' distances."""
    return float(np.exp(-separation(batch, label, "euclidean", temperature)))


def published_loss(
    batch: Batch, margins: np.ndarray, temperature: float, scrambled: bool
) -> float:
    """Returns the loss in the published form: a margin on the own distances.

    Args:
        batch: Examples and classes; its radii are not read.
        margins: `2 r` of each class, added to the distances of the class's own
            examples.
        temperature: What distances are divided by.
        scrambled: Whether the margins are handed out as in the released
            program: listed in the order of the batch, taken in the order of
            the classes.
    """
    classes = np.unique(batch.labels)
    rows = np.array([class_row(batch, c, "euclidean") for c in classes])
    own = classes[:, None] == batch.labels[None, :]
    listed = margins[batch.labels if scrambled else np.sort(batch.labels)]
    rows[own] += listed
    log_p = -rows / temperature
    log_p -= np.log(np.sum(np.exp(log_p), axis=1, keepdims=True))
    means = [-row[mask].mean() for row, mask in zip(log_p, own, strict=True)]
    return float(np.mean(means))
