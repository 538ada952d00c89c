"""Callbacks: what changes while a model trains."""

from keras_lt.callbacks.average_weights import AverageWeights
from keras_lt.callbacks.deferred_reweighting import DeferredReweighting
from keras_lt.callbacks.learning_rates import cosine_schedule
from keras_lt.callbacks.learning_rates import step_schedule
from keras_lt.callbacks.stop_on_nan import StopOnNaN
from keras_lt.callbacks.variable_schedule import VariableSchedule

__all__ = [
    "AverageWeights",
    "DeferredReweighting",
    "StopOnNaN",
    "VariableSchedule",
    "cosine_schedule",
    "step_schedule",
]
