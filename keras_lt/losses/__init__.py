"""Losses on logits that serve long-tailed data."""

from keras_lt.losses.balanced_softmax import BalancedSoftmax
from keras_lt.losses.class_balanced import ClassBalanced
from keras_lt.losses.focal import Focal
from keras_lt.losses.label_aware_smoothing import LabelAwareSmoothing
from keras_lt.losses.ldam import LDAM
from keras_lt.losses.logit_adjusted import LogitAdjusted

__all__ = [
    "LDAM",
    "BalancedSoftmax",
    "ClassBalanced",
    "Focal",
    "LabelAwareSmoothing",
    "LogitAdjusted",
]
