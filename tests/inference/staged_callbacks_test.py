"""The progress bar and the callbacks of Keras hear of a run."""

import keras
import numpy as np
import pytest

from tests.inference.staged_networks import dense_stages
from tests.inference.staged_networks import predictor_of

X = np.random.default_rng(0).standard_normal((10, 4)).astype("float32")


class Events(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.events = []

    def on_predict_begin(self, logs=None):
        self.events.append("begin")

    def on_predict_batch_begin(self, batch, logs=None):
        self.events.append(f"+{batch}")

    def on_predict_batch_end(self, batch, logs=None):
        self.events.append(f"-{batch}")

    def on_predict_end(self, logs=None):
        self.events.append("end")


class StopsAtOnce(keras.callbacks.Callback):
    def on_predict_batch_end(self, batch, logs=None):
        self.model.stop_predicting = True


@pytest.fixture(scope="module")
def predictor():
    return predictor_of(*dense_stages()[:2], [0.5, 0.5])


ALL = ["begin", "+0", "-0", "+1", "-1", "+2", "-2", "end"]


def test_callbacks_hear_of_each_batch(predictor):
    one, other = Events(), Events()
    predictor.run(X, batch_size=4, verbose=0, callbacks=[one, other])
    assert one.events == other.events == ALL
    single = Events()
    predictor.run(iter([X, X, X]), verbose=0, callbacks=single)
    assert single.events == ALL
    assert single.params["steps"] is None


def test_a_callback_list_is_used_as_it_is(predictor):
    events = Events()
    together = keras.callbacks.CallbackList([events])
    predictor.run(X, batch_size=4, callbacks=together)
    assert events.events == ALL


def test_a_callback_may_stop_the_run(predictor):
    model = keras.Sequential()
    answer = predictor.run(
        X, batch_size=4, verbose=0, callbacks=[StopsAtOnce()], model=model
    )
    assert len(answer.exits) == 4
    again = predictor.run(X, batch_size=4, verbose=0, model=model)
    assert len(again.exits) == 10


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_progress_is_shown(verbose, predictor, capsys):
    predictor.run(X, batch_size=4, verbose=verbose)
    assert "3/3" in capsys.readouterr().out


def test_progress_is_not_shown(predictor, capsys):
    predictor.run(X, batch_size=4, verbose=0)
    assert capsys.readouterr().out == ""
