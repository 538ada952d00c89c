"""Data: sources, splits, long-tailed profiles, batches and transforms."""

from keras_lt.data import transforms
from keras_lt.data.batches import Batches

__all__ = [
    "Batches",
    "transforms",
]
