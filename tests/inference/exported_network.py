"""A small network with exits, its answers in NumPy, and its export."""

import keras
import numpy as np
from keras import layers

CLASSES = 4
SHAPE = (6, 6, 3)


def small_network(scale=8.0, seed=0):
    """Returns three stages and their branches, with random weights."""
    keras.utils.set_random_seed(seed)
    stages, branches, shape = [], [], SHAPE
    for k, filters in enumerate((5, 6, 8)):
        inputs = keras.Input(shape)
        x = layers.Conv2D(filters, 3, strides=1 + k % 2, padding="same")(inputs)
        x = layers.BatchNormalization()(x)
        stages.append(keras.Model(inputs, layers.ReLU()(x)))
        shape = stages[-1].output.shape[1:]
        branches.append(
            keras.Sequential(
                [
                    keras.Input(shape),
                    layers.GlobalAveragePooling2D(),
                    layers.Dropout(0.5),
                    layers.Dense(CLASSES),
                    layers.Rescaling(scale),
                ]
            )
        )
    return stages, branches


def small_images(rows=61, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, *SHAPE)).astype("float32")


def exit_logits(stages, branches, x):
    """Returns the logits of every exit, `(n, exits, classes)`."""
    found = []
    for stage, branch in zip(stages, branches, strict=True):
        x = stage(x, training=False)
        found.append(keras.ops.convert_to_numpy(branch(x, training=False)))
    return np.stack(found, axis=1)


def scores(logits, measure):
    logits = logits.astype("float64")
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    if measure == "confidence":
        return p.max(axis=-1)
    return 1 + (p * np.log(p)).sum(axis=-1) / np.log(p.shape[-1])


def chosen_afterwards(logits, thresholds, measure="confidence"):
    """Returns logits and exits as the definition has them."""
    rows = len(logits)
    leaves = scores(logits[:, :-1], measure) > np.array(thresholds)
    leaves = np.concatenate([leaves, np.ones((rows, 1), bool)], axis=1)
    at = leaves.argmax(axis=1)
    return logits[np.arange(rows), at], at + 1


def mixed_thresholds(logits, measure="confidence"):
    """Returns thresholds with about a third leaving at each of three exits.

    They lie in the middle between two scores, so that rounding decides
    nothing.
    """
    found, left = [], np.ones(len(logits), bool)
    for k, share in enumerate((2 / 3, 1 / 2)):
        values = scores(logits[:, k], measure)
        ordered = np.sort(values)
        place = int(np.searchsorted(ordered, np.quantile(values[left], share)))
        gaps = np.diff(ordered[max(place - 3, 0) : place + 4])
        place = max(place - 3, 0) + int(gaps.argmax())
        found.append(float(ordered[place] + ordered[place + 1]) / 2)
        left &= values <= found[-1]
    return found
