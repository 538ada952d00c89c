import keras
import numpy as np
import pytest

from keras_lt.keras_rules import default_batch_size
from keras_lt.keras_rules import known_length
from keras_lt.keras_rules import num_trained_on


class Sizes(keras.callbacks.Callback):
    """Keeps how many rows Keras predicts in each batch."""

    def __init__(self):
        super().__init__()
        self.predicted = []

    def on_predict_batch_end(self, batch, logs=None):
        self.predicted.append(len(logs["outputs"]))


def small_model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("steps", [None, 2, 3])
def test_batches_are_as_large_as_those_of_keras(steps):
    x = np.zeros((70, 1), "float32")
    sizes = Sizes()
    small_model().predict(x, steps=steps, verbose=0, callbacks=[sizes])
    assert sizes.predicted[0] == default_batch_size(x, steps)


def test_data_in_batches_are_not_cut():
    assert default_batch_size(iter([np.zeros(9)]), steps=3) == 32


@pytest.mark.parametrize("share", [0.1, 0.33, 0.9])
def test_as_many_rows_are_trained_on_as_by_keras(share):
    x = np.zeros((20, 1), "float32")
    history = small_model().fit(
        x, x, batch_size=1, verbose=0, validation_split=share
    )
    assert history.params["steps"] == num_trained_on(x, share)


def test_rows_to_train_on_are_rounded_down():
    assert num_trained_on(np.zeros(20), 0.9) == 1  # As 1 - 0.9 < 0.1.


def test_length_that_is_not_known():
    assert known_length([1, 2]) == 2
    assert known_length(iter([1, 2])) is None
