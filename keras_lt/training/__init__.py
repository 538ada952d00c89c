"""Training in stages, and going on after a crash."""

from keras_lt.training.classifier_limits import norm_limits
from keras_lt.training.classifier_stages import retrained_classifier
from keras_lt.training.classifier_stages import weight_scaling
from keras_lt.training.loop import train
from keras_lt.training.scaled_models import with_weight_scaling
from keras_lt.training.stage import Stage

__all__ = [
    "Stage",
    "norm_limits",
    "retrained_classifier",
    "train",
    "weight_scaling",
    "with_weight_scaling",
]
