"""The strategy that the tests of this folder share."""

import pytest


@pytest.fixture(scope="session")
def strategy():
    """One for all, as TensorFlow mixes up the messages of several."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
