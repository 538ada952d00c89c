"""A small network in stages, and what it gives when nothing stops early."""

import keras
import numpy as np

from keras_lt.inference import StagedPredictor
from keras_lt.ops.early_exit import at_exit
from keras_lt.ops.early_exit import certainty
from keras_lt.ops.early_exit import exit_of
from tests.checks import to_numpy


class CountedIdentity(keras.layers.Layer):
    """Gives what it gets, and counts the calls and the shapes it is traced for.

    In compiled code, Python runs while it is traced, so that calls are traces.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.shapes = []

    def call(self, x):
        self.shapes.append(tuple(x.shape))
        return x


def dense_stages(num_stages=3, num_inputs=4, num_classes=5, hidden=6):
    """Returns stages and branches of dense layers, with batch normalization."""
    stages, branches, counters = [], [], []
    for width in [num_inputs] + [hidden] * (num_stages - 1):
        counters.append(CountedIdentity())
        layers = [
            keras.Input((width,)),
            counters[-1],
            keras.layers.Dense(hidden, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
        ]
        stages.append(keras.Sequential(layers))
        branches.append(
            keras.Sequential(
                [keras.Input((hidden,)), keras.layers.Dense(num_classes)]
            )
        )
    for counter in counters:
        counter.shapes.clear()  # Of building.
    return stages, branches, counters


def predictor_of(stages, branches, thresholds, **kwargs):
    variable = keras.Variable(
        np.asarray(thresholds, "float32"), trainable=False
    )
    return StagedPredictor(stages, branches, variable, **kwargs)


def exit_logits(stages, branches, x):
    """Returns the logits `(n, exits, classes)` of every exit, for all of x."""
    features, logits = x, []
    for stage, branch in zip(stages, branches, strict=True):
        features = stage(features, training=False)
        logits.append(branch(features, training=False))
    return to_numpy(keras.ops.stack(logits, axis=1))


def chosen_afterwards(all_logits, thresholds, measure="confidence"):
    """Returns logits and exits, chosen among those of the whole network."""
    if all_logits.shape[1] == 1:
        return all_logits[:, 0], np.ones(len(all_logits), "int32")
    scores = certainty(all_logits[:, :-1], measure)
    exits = exit_of(scores, np.asarray(thresholds, "float32"))
    return to_numpy(at_exit(all_logits, exits)), to_numpy(exits)


def thresholds_between(all_logits, quantile):
    """Returns thresholds that are not close to any score.

    So that rounding does not decide where an example leaves.
    """
    scores = np.sort(to_numpy(certainty(all_logits[:, :-1])), axis=0)
    found = []
    for column in scores.T:
        gaps = np.diff(column)
        around = int(quantile * (len(column) - 1))
        allowed = np.flatnonzero(gaps > 1e-4)
        below = allowed[np.argmin(np.abs(allowed - around))]
        found.append((column[below] + column[below + 1]) / 2)
    return np.array(found, "float32")
