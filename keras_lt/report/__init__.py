"""Reports that a reader can trust: numbers, tables and plots."""

from keras_lt.report import plots
from keras_lt.report.comparison import Comparison
from keras_lt.report.confusion import Confusion
from keras_lt.report.difference import Difference
from keras_lt.report.evaluation import evaluate
from keras_lt.report.group_scores import GroupScores
from keras_lt.report.paired_comparison import compare
from keras_lt.report.reliability import Reliability
from keras_lt.report.report_card import ReportCard
from keras_lt.report.scoring import from_logits
from keras_lt.report.scoring import from_probabilities
from keras_lt.report.stored import load
from keras_lt.report.summary import summarize

__all__ = [
    "Comparison",
    "Confusion",
    "Difference",
    "GroupScores",
    "Reliability",
    "ReportCard",
    "compare",
    "evaluate",
    "from_logits",
    "from_probabilities",
    "load",
    "plots",
    "summarize",
]
