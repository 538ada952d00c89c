"""Layers: classifiers and heads."""

from keras_lt.layers.cosine_classifier import CosineClassifier
from keras_lt.layers.unit_norm_uniform import UnitNormUniform

__all__ = [
    "CosineClassifier",
    "UnitNormUniform",
]
