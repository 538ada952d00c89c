"""Early exits in NumPy and double precision, example by example."""

import math

import numpy as np

# Probability of the true class, largest probability, and whether the largest
# is that of the true class: four examples (rows) at three exits.
P_TRUE = [[0.95, 0.98, 0.99], [0.6, 0.92, 0.97],
          [0.03, 0.4, 0.93], [0.95, 0.1, 0.2]]  # fmt: skip
P_MAX = [[0.95, 0.98, 0.99], [0.6, 0.92, 0.97],
         [0.96, 0.55, 0.93], [0.95, 0.88, 0.7]]  # fmt: skip
LABELS = np.array([2, 0, 1, 3])
CLASSES = 4


def golden_logits() -> np.ndarray:
    """Returns logits `(4, 3, 4)` with the probabilities above."""
    logits = np.empty((4, 3, CLASSES))
    for i, label in enumerate(LABELS):
        for k in range(3):
            true, largest = P_TRUE[i][k], P_MAX[i][k]
            named = {label: true}
            if largest != true:
                named[(label + 1) % CLASSES] = largest
            rest = (1 - sum(named.values())) / (CLASSES - len(named))
            for c in range(CLASSES):
                logits[i, k, c] = math.log(named.get(c, rest)) + i - k
    return logits.astype("float32")


def score(criterion: str, logits: np.ndarray, label: np.ndarray) -> float:
    """Returns the score of one example, whose label may be soft."""
    exponents = np.exp(logits.astype("float64") - logits.max())
    p = exponents / exponents.sum()
    soft = label if np.ndim(label) else np.eye(len(p))[label]
    correct = np.argmax(p) == np.argmax(soft)
    if criterion == "confidence":
        return max(p)
    if criterion == "correct":
        return float(correct)
    if criterion == "correct_and_confident":
        return max(p) if correct else 0.0
    if criterion == "true_probability":
        return sum(soft * p)
    return 1 + sum(p * np.log(p)) / math.log(len(p))  # "entropy"


def all_scores(
    criterion: str, exit_logits: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Returns the scores of all examples at all exits but the last."""
    rows = zip(exit_logits, labels, strict=True)
    return np.array(
        [[score(criterion, z, y) for z in row[:-1]] for row, y in rows]
    ).reshape(len(labels), -1)


def exit_of(scores: np.ndarray, thresholds: np.ndarray) -> int:
    """Returns the exit of one example, from 1."""
    for k, (value, threshold) in enumerate(
        zip(scores, thresholds, strict=True), start=1
    ):
        if value > threshold:
            return k
    return len(scores) + 1


def total(
    values: np.ndarray,
    exits: np.ndarray,
    weights: np.ndarray,
    exit_weights: np.ndarray,
    normalizer: str,
) -> float:
    """Returns the loss of a batch.

    Args:
        values: Loss of each example at each exit, `(batch, K)`.
        exits: Exit at which each example leaves, from 1.
        weights: Weight of each example.
        exit_weights: Weight of each exit.
        normalizer: What the sums are divided by.
    """
    rows = zip(values, exits, weights, strict=True)
    if normalizer == "survivors":
        found = 0.0
        for k, exit_weight in enumerate(exit_weights):
            inside = exits > k
            if inside.any():
                found += exit_weight * np.average(
                    values[inside, k], weights=weights[inside]
                )
        return found
    found = sum(
        weight * sum(row[:left] * exit_weights[:left])
        for row, left, weight in rows
    )
    divisor = len(values) if normalizer == "batch" else sum(weights)
    return found / divisor
