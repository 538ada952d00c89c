"""Small models with a robust term, and data for them."""

import keras
import numpy as np

import keras_lt
from tests import robustness_reference

COUNTS = [60, 12, 3]
SIZE, DIM = 12, 5
CENTROIDS = np.random.default_rng(7).normal(size=(3, DIM))


def examples(seed=0, size=SIZE):
    """Returns images of 4 numbers, and unsorted labels of every class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(size) % 3)
    images = rng.normal(size=(size, 4)) + labels[:, None]
    return images.astype("float32"), labels.astype("int32")


def small_model(seed=0, **kwargs):
    """Returns a linear network with equal weights on every backend."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(DIM, name="hidden")(inputs)
    model = keras_lt.LongTailModel(
        keras.Model(inputs, hidden), num_classes=3, **kwargs
    )
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    return model


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def reference(features, labels, centroids, radii, class_weights=None):
    """The robust loss, from the paper's equation, in float64."""
    batch = robustness_reference.Batch(
        np.asarray(features, "float64"), labels, centroids, radii, class_weights
    )
    values = robustness_reference.losses(batch, "same_class")
    return robustness_reference.batch_loss(values, labels, class_weights)


def total_loss(model, images, labels, **kwargs):
    return float(model.compute_loss(images, labels, model(images), **kwargs))
