"""Plots of reports, as Matplotlib figures without global state.

They need `pip install "keras-lt[report]"`. Each returns a
`matplotlib.figure.Figure`: show it in a notebook, or call its `savefig`.
"""

from keras_lt.report.plots.centroids import centroid_curves
from keras_lt.report.plots.centroids import has_centroid_curves
from keras_lt.report.plots.class_accuracies import accuracy_along_tail
from keras_lt.report.plots.class_changes import class_differences
from keras_lt.report.plots.confusions import confusion_matrix
from keras_lt.report.plots.curves import has_curves
from keras_lt.report.plots.curves import training_curves
from keras_lt.report.plots.exit_bars import exits_of_groups
from keras_lt.report.plots.head_tail import head_tail_curve
from keras_lt.report.plots.reliability_bins import reliability_diagram
from keras_lt.report.plots.work_curve import accuracy_by_work

__all__ = [
    "accuracy_along_tail",
    "accuracy_by_work",
    "centroid_curves",
    "class_differences",
    "confusion_matrix",
    "exits_of_groups",
    "has_centroid_curves",
    "has_curves",
    "head_tail_curve",
    "reliability_diagram",
    "training_curves",
]
