"""Objectives: terms on features that are added to the loss."""

from keras_lt.objectives.exit_distillation import ExitDistillation
from keras_lt.objectives.feature_distillation import FeatureDistillation
from keras_lt.objectives.logit_distillation import LogitDistillation
from keras_lt.objectives.objective import Objective
from keras_lt.objectives.projection import projection_dim
from keras_lt.objectives.robustness import Robustness
from keras_lt.objectives.teacher import Teacher
from keras_lt.objectives.teacher_cache import TeacherCache

__all__ = [
    "ExitDistillation",
    "FeatureDistillation",
    "LogitDistillation",
    "Objective",
    "Robustness",
    "Teacher",
    "TeacherCache",
    "projection_dim",
]
