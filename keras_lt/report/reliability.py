"""Whether a model is right as often as it says."""

import dataclasses

import numpy as np

NUM_BINS = 15
"""Bins of equal width, as in Guo et al."""


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Compares confidence and accuracy, in bins of confidence.

    Bin `b` of `B` holds the examples whose confidence is above `b / B` and at
    most `(b + 1) / B`.

    Args:
        counts: Number of examples of each bin.
        confidences: Mean confidence of each bin; None for an empty one.
        accuracies: Share of right answers of each bin; None for an empty one.

    Example:

    >>> bins = keras_lt.report.Reliability((0, 4), (None, 0.9), (None, 0.5))
    >>> round(bins.calibration_error, 4)
    0.4

    Reference:

    - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), equation 3.
    """

    counts: tuple[int, ...]
    confidences: tuple[float | None, ...]
    accuracies: tuple[float | None, ...]

    @property
    def calibration_error(self) -> float | None:
        """Mean distance of accuracy and confidence; None without examples."""
        total = sum(self.counts)
        if not total:
            return None
        bins = zip(self.counts, self.confidences, self.accuracies, strict=True)
        return sum(
            count / total * abs(accuracy - confidence)
            for count, confidence, accuracy in bins
            if confidence is not None and accuracy is not None
        )


def reliability_of(
    confidences: np.ndarray, correct: np.ndarray, num_bins: int = NUM_BINS
) -> Reliability:
    """Sorts examples into bins of confidence.

    Args:
        confidences: Softmax of the predicted class `(n,)`, from 0 to 1.
        correct: Whether each example was recognised `(n,)`.
        num_bins: Number of bins.
    """
    values = confidences.astype("float64")
    places = np.ceil(values * num_bins).astype("int64") - 1
    places = np.clip(places, 0, num_bins - 1)
    counts = np.bincount(places, minlength=num_bins)
    sums = np.bincount(places, values, num_bins)
    hits = np.bincount(places, correct, num_bins)
    return Reliability(
        tuple(counts.tolist()),
        _means(sums, counts),
        _means(hits, counts),
    )


def _means(sums: np.ndarray, counts: np.ndarray) -> tuple[float | None, ...]:
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return tuple(total / count if count else None for total, count in pairs)
