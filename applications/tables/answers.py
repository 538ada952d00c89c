"""Answers to the test images that no training of their own led to."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Answers:
    """Holds the answers of one or more kinds.

    Args:
        logits: `(n, classes)`, by the kind of a `Line`.
        labels: Class ids of the test images, `(n,)`.
        tau: Strength of the correction that they went through.
        tau_is: How that was settled.
    """

    logits: Mapping[str, np.ndarray]
    labels: np.ndarray
    tau: float
    tau_is: str
