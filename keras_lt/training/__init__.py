"""Training in stages, and going on after a crash."""

from keras_lt.training.class_mean_start import initialize_from_class_means
from keras_lt.training.classifier_limits import norm_limits
from keras_lt.training.classifier_stages import retrained_classifier
from keras_lt.training.classifier_stages import weight_scaling
from keras_lt.training.layer_selection import last_layers
from keras_lt.training.layer_selection import set_trainable
from keras_lt.training.loop import train
from keras_lt.training.low_rank_adaptation import enable_lora
from keras_lt.training.scaled_models import with_weight_scaling
from keras_lt.training.stage import Stage

__all__ = [
    "Stage",
    "enable_lora",
    "initialize_from_class_means",
    "last_layers",
    "norm_limits",
    "retrained_classifier",
    "set_trainable",
    "train",
    "weight_scaling",
    "with_weight_scaling",
]
