"""Using exits: how much work is saved, for how much accuracy, and for whom."""

from keras_lt.inference.answers import score_answers
from keras_lt.inference.exit_curve import ExitCurve
from keras_lt.inference.exit_outcomes import ExitOutcomes
from keras_lt.inference.exit_scores import ExitScores
from keras_lt.inference.export import export_stages
from keras_lt.inference.flops import count_flops
from keras_lt.inference.operating_point import OperatingPoint
from keras_lt.inference.shares import thresholds_for_shares
from keras_lt.inference.staged_answer import StagedAnswer
from keras_lt.inference.staged_predictor import StagedPredictor
from keras_lt.inference.staged_runner import StagedRunner
from keras_lt.inference.threshold_choice import choose_thresholds

__all__ = [
    "ExitCurve",
    "ExitOutcomes",
    "ExitScores",
    "OperatingPoint",
    "StagedAnswer",
    "StagedPredictor",
    "StagedRunner",
    "choose_thresholds",
    "count_flops",
    "export_stages",
    "score_answers",
    "thresholds_for_shares",
]
