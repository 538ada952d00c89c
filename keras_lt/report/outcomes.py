"""What became of each test example."""

import dataclasses
from functools import cached_property

import numpy as np

CHUNK = 2**21
"""Logits looked at together; keeps the memory small at 8,142 classes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
    """Holds what a report needs of each example; the logits are let go.

    Args:
        labels: True class ids `(n,)`, int32.
        predictions: Predicted class ids `(n,)`, int32.
        confidences: Softmax of the predicted class `(n,)`, float32.
        losses: Negative log-likelihood of the true class `(n,)`, float32.
        in_top_5: Whether the true class is among the five likeliest `(n,)`.
    """

    labels: np.ndarray
    predictions: np.ndarray
    confidences: np.ndarray
    losses: np.ndarray
    in_top_5: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each example was recognised, `(n,)`."""
        return self.predictions == self.labels


def outcomes_of_logits(logits: np.ndarray, labels: np.ndarray) -> Outcomes:
    """Reads the outcomes off checked logits, a part of the rows at a time."""
    size = max(1, CHUNK // logits.shape[1])
    parts = [
        _outcomes(logits[start : start + size], labels[start : start + size])
        for start in range(0, len(labels), size)
    ]
    columns = zip(*parts, strict=True)
    return Outcomes(labels, *(np.concatenate(column) for column in columns))


def _outcomes(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    z = logits.astype("float64")
    rows = np.arange(len(labels))
    predictions = z.argmax(axis=1)
    z -= z[rows, predictions][:, None]
    true = z[rows, labels][:, None]
    # Among equals the lower label comes first, as in argmax.
    before = np.arange(z.shape[1]) < labels[:, None]
    ranks = ((z > true) | ((z == true) & before)).sum(axis=1)
    log_sums = np.log(np.exp(z).sum(axis=1))
    losses = log_sums - true[:, 0]
    return (
        predictions.astype("int32"),
        np.exp(-log_sums).astype("float32"),
        np.minimum(losses, np.finfo("float32").max).astype("float32"),
        ranks < 5,
    )
