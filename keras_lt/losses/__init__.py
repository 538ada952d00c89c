"""Losses on logits that serve long-tailed data."""

from keras_lt.losses.balanced_softmax import BalancedSoftmax
from keras_lt.losses.ldam import LDAM
from keras_lt.losses.logit_adjusted import LogitAdjusted

__all__ = [
    "LDAM",
    "BalancedSoftmax",
    "LogitAdjusted",
]
