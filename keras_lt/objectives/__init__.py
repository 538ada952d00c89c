"""Objectives: terms on features that are added to the loss."""

from keras_lt.objectives.objective import Objective
from keras_lt.objectives.robustness import Robustness

__all__ = ["Objective", "Robustness"]
