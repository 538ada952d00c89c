"""The metrics in NumPy and double precision, and data to try them on."""

import numpy as np

COUNTS = [500, 101, 100, 20, 19, 1]
NUM_CLASSES = len(COUNTS)
GROUPS = {"many": [0, 1], "medium": [2, 3], "few": [4, 5]}


def batches(size: int = 70, batch_size: int = 32, seed: int = 0) -> list:
    """Returns batches of labels and logits, the last of which is partial."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, NUM_CLASSES, size)
    logits = generator.normal(size=(size, NUM_CLASSES))
    logits[np.arange(size), labels] += np.linspace(2.0, 0.2, size)
    logits = logits.astype("float32")
    return [
        (labels[i : i + batch_size], logits[i : i + batch_size])
        for i in range(0, size, batch_size)
    ]


def joined(parts: list) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels and logits of all batches."""
    labels, logits = zip(*parts, strict=True)
    return np.concatenate(labels), np.concatenate(logits)


def class_mean(
    labels: np.ndarray, logits: np.ndarray, classes: list[int]
) -> float:
    """Returns the mean of class accuracies, over the classes in `labels`."""
    correct = logits.argmax(axis=-1) == labels
    present = [label for label in classes if np.any(labels == label)]
    return np.mean([correct[labels == label].mean() for label in present])


def calibration_error(
    labels: np.ndarray, logits: np.ndarray, num_bins: int
) -> float:
    """Returns the expected calibration error with bins `(low, high]`."""
    exponents = np.exp(logits.astype("float64"))
    probabilities = exponents / exponents.sum(axis=-1, keepdims=True)
    confidence = probabilities.max(axis=-1)
    correct = probabilities.argmax(axis=-1) == labels
    edges = np.linspace(0, 1, num_bins + 1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return error
