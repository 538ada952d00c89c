"""A small model, its examples, and an optimizer that averages its weights."""

import keras
import numpy as np

MOMENTUM = 0.8
RATE = 0.1


def sgd():
    return keras.optimizers.SGD(RATE, use_ema=True, ema_momentum=MOMENTUM)


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def examples(size=20):
    generator = np.random.default_rng(0)
    x = generator.normal(1.0, 2.0, (size, 4)).astype("float32")
    return x, np.arange(size) % 3


def plain_model():
    """Statistics of the input, and of what a layer makes of it."""
    images = keras.Input((4,))
    x = keras.layers.BatchNormalization(momentum=0.9, name="first")(images)
    x = keras.layers.Dense(5, name="hidden")(x)
    x = keras.layers.BatchNormalization(momentum=0.7, name="second")(x)
    return keras.Model(images, keras.layers.Dense(3, name="classifier")(x))
