"""Plots of reports, as Matplotlib figures without global state.

They need `pip install "keras-lt[report]"`. Each returns a
`matplotlib.figure.Figure`: show it in a notebook, or call its `savefig`.
"""

from keras_lt.report.plots.class_accuracies import accuracy_along_tail
from keras_lt.report.plots.class_changes import class_differences
from keras_lt.report.plots.confusions import confusion_matrix
from keras_lt.report.plots.curves import has_curves
from keras_lt.report.plots.curves import training_curves
from keras_lt.report.plots.reliability_bins import reliability_diagram

__all__ = [
    "accuracy_along_tail",
    "class_differences",
    "confusion_matrix",
    "has_curves",
    "reliability_diagram",
    "training_curves",
]
