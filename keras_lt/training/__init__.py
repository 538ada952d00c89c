"""Training in stages, and going on after a crash."""

from keras_lt.training.loop import train
from keras_lt.training.stage import Stage

__all__ = ["Stage", "train"]
