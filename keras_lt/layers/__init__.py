"""Layers: classifiers and heads."""

from keras_lt.layers.batch_normalization import BatchNormalization
from keras_lt.layers.conv2d import Conv2D
from keras_lt.layers.cosine_classifier import CosineClassifier
from keras_lt.layers.exit_block import ExitBlock
from keras_lt.layers.exit_branch import ExitBranch
from keras_lt.layers.learnable_weight_scaling import LearnableWeightScaling
from keras_lt.layers.mixed_pooling import MixedPooling
from keras_lt.layers.token_pooling import TokenPooling
from keras_lt.layers.unit_norm_uniform import UnitNormUniform

__all__ = [
    "BatchNormalization",
    "Conv2D",
    "CosineClassifier",
    "ExitBlock",
    "ExitBranch",
    "LearnableWeightScaling",
    "MixedPooling",
    "TokenPooling",
    "UnitNormUniform",
]
