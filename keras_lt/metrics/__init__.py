"""Metrics that look at rare classes."""

from keras_lt.metrics.balanced_accuracy import BalancedAccuracy
from keras_lt.metrics.calibration_error import CalibrationError
from keras_lt.metrics.exit_shares import ExitShares
from keras_lt.metrics.group_accuracy import GroupAccuracy

__all__ = [
    "BalancedAccuracy",
    "CalibrationError",
    "ExitShares",
    "GroupAccuracy",
]
