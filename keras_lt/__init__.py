"""Long-tailed classification with Keras 3, on any backend."""

from keras_lt import callbacks
from keras_lt import data
from keras_lt import inference
from keras_lt import layers
from keras_lt import losses
from keras_lt import metrics
from keras_lt import models
from keras_lt import objectives
from keras_lt import posthoc
from keras_lt import report
from keras_lt import samplers
from keras_lt import training
from keras_lt.counts import class_counts
from keras_lt.counts import class_groups
from keras_lt.counts import effective_number_weights
from keras_lt.counts import log_priors
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel

__version__ = "0.1.0"

__all__ = [
    "EarlyExitModel",
    "LongTailModel",
    "callbacks",
    "class_counts",
    "class_groups",
    "data",
    "effective_number_weights",
    "inference",
    "layers",
    "log_priors",
    "losses",
    "metrics",
    "models",
    "objectives",
    "posthoc",
    "report",
    "samplers",
    "training",
]
