"""Objectives: terms on features that are added to the loss."""

from keras_lt.objectives.objective import Objective

__all__ = ["Objective"]
