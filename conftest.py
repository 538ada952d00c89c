"""Fixtures for the tests and for the examples in the docstrings."""

import keras
import numpy as np
import pytest

import keras_lt

if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    # Before TensorFlow starts: two replicas need two devices.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


@pytest.fixture(autouse=True)
def fixed_seed():
    """Starts every test and example from the same random numbers."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def example_names(doctest_namespace):
    """Names that an example may use without importing them."""
    doctest_namespace.update(keras=keras, keras_lt=keras_lt, np=np)
