"""What the tests of the losses share: a batch, and a softmax in float64."""

from typing import Any

import numpy as np

from tests.checks import to_numpy

COUNTS = [900, 90, 10, 10]
LABELS = np.array([2, 0, 1, 3, 3])
LOGITS = np.array(
    [
        [2.0, 0.5, -1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
        [-3.0, 12.0, 1.0, 2.5],
        [9.0, 0.1, -7.0, -2.0],
        [-1.0, -2.0, -3.0, 40.0],
    ],
    dtype="float32",
)
ROWS = np.arange(len(LABELS))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns log-probabilities in double precision."""
    logits = logits.astype("float64")
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def crossentropy(logits: np.ndarray) -> np.ndarray:
    """Returns the plain cross-entropy of the batch, in double precision."""
    return -log_softmax(logits)[ROWS, LABELS]


def each(loss: Any) -> np.ndarray:
    """Returns the value of each example of the batch."""
    config = {**loss.get_config(), "reduction": None}
    return to_numpy(type(loss)(**config)(LABELS, LOGITS))


def cifar_counts(num_classes: int, imbalance_factor: int) -> list[int]:
    """Returns the counts of long-tailed CIFAR, as the papers make them."""
    largest = 50_000 // num_classes
    steps = np.arange(num_classes) / (num_classes - 1)
    counts = [int(largest * (1 / imbalance_factor) ** step) for step in steps]
    return counts
