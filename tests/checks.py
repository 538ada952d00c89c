"""Checks that hold for objects of many kinds."""

import json
from typing import Any

import keras
import numpy as np

# For `compile`: one step is faster so, but on JAX, which would compile each
# operation on its own.
EAGER = {"run_eagerly": keras.config.backend() == "tensorflow"}


def to_numpy(value: Any) -> np.ndarray:
    """Returns a tensor of the running backend as a NumPy array."""
    return keras.ops.convert_to_numpy(value)


def through_json(instance: Any) -> Any:
    """Returns what comes back from the configuration, written as JSON."""
    config = keras.saving.serialize_keras_object(instance)
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))


def check_serialization(instance: Any) -> Any:
    """Checks that a configuration survives JSON; returns the copy."""
    copy = through_json(instance)
    assert type(copy) is type(instance)
    assert copy.get_config() == instance.get_config()
    assert keras.saving.get_registered_name(type(copy)).startswith("keras_lt>")
    return copy


def small_classifier(num_classes: int, head: Any = None) -> keras.Model:
    """Returns a plain Keras model that takes 4 numbers and gives logits."""
    head = head or keras.layers.Dense(num_classes, name="classifier")
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    return keras.Model(inputs, head(hidden))


def small_data(num_classes: int, size: int = 24) -> tuple[Any, Any]:
    """Returns features that tell the classes apart, and the class ids."""
    generator = np.random.default_rng(0)
    labels = np.arange(size) % num_classes
    centres = generator.normal(size=(num_classes, 4))
    noise = 0.1 * generator.normal(size=(size, 4))
    return (centres[labels] + noise).astype("float32"), labels


def check_trains(loss: keras.losses.Loss, num_classes: int) -> None:
    """Checks that `fit` of a plain model with this loss lowers it."""
    x, y = small_data(num_classes)
    model = small_classifier(num_classes)
    model.compile(keras.optimizers.Adam(0.02), loss=loss)
    history = model.fit(x, y, epochs=6, batch_size=8, verbose=0)
    losses = history.history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]
