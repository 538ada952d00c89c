"""Which losses account for the frequencies of classes."""

from keras_lt.losses.balanced_softmax import BalancedSoftmax
from keras_lt.losses.class_balanced import ClassBalanced
from keras_lt.losses.logit_adjusted import LogitAdjusted

FOR_FREQUENCIES = (LogitAdjusted, BalancedSoftmax, ClassBalanced)
"""Losses that are plain cross-entropy where all classes are as frequent.

On balanced batches, they would account for the frequencies twice.
"""
