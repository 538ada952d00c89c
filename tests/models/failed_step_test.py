"""After an error, a model is what it was before."""

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import samplers
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import SPARSE
from tests.models.small_models import images
from tests.models.small_models import small_model


def broken(batch):
    """Returns batches of which one has an image that is not finite."""
    x, y = images()
    x[4 * batch] = np.nan
    return data.Batches((x, y), batch_size=4, sampler=samplers.InOrder())


CALLS = {
    "no batch": lambda model, x, y: model.predict(x[0], verbose=0),
    "first batch": lambda model, x, y: model.evaluate(broken(0), verbose=0),
    "second batch": lambda model, x, y: model.evaluate(broken(1), verbose=0),
    "trace": lambda model, x, y: model.fit(x, np.eye(CLASSES)[y], verbose=0),
}


@pytest.mark.parametrize("call", CALLS)
def test_weights_outlive_an_error(call):
    """On JAX, Keras takes them out of the model while it computes."""
    x, y = images()
    model = small_model()
    model.compile(keras.optimizers.SGD(0.1), SPARSE(from_logits=True))
    model.fit(x, y, verbose=0)
    before = [to_numpy(one) for one in model.trainable_variables]
    steps = int(model.optimizer.iterations)
    with pytest.raises(Exception, match=r"."):
        CALLS[call](model, x, y)
    for one, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(to_numpy(one), value)
    assert int(model.optimizer.iterations) == steps
    model.fit(x, y, verbose=0)
    assert int(model.optimizer.iterations) == steps + 1


class Stop(keras.callbacks.Callback):
    """Ends the training with an error, and notes what it had reached."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.reached = [to_numpy(one) for one in self.model.weights]


class OneEpoch(data.Batches):
    """Batches that cannot be read a second time."""

    reads = 0

    def __getitem__(self, index):
        self.reads += index == 0
        if self.reads > 2:  # Keras looks at the first batch before it trains.
            raise OSError("The disk is gone.")
        return super().__getitem__(index)


def test_weights_outlive_an_error_after_a_validation():
    """Validation puts the values back, and Keras forgets where it was."""
    x, y = images()
    model = small_model()
    model.compile(keras.optimizers.SGD(0.1), SPARSE(from_logits=True))
    stop, start = Stop(), to_numpy(model.trainable_variables[0])
    batches = OneEpoch((x, y), batch_size=12, num_threads=0)
    # TensorFlow wraps what batches raise.
    with pytest.raises(Exception, match="disk is gone"):
        model.fit(
            batches,
            validation_data=(x, y),
            epochs=3,
            verbose=0,
            callbacks=[stop],
        )
    for one, value in zip(model.weights, stop.reached, strict=True):
        np.testing.assert_array_equal(to_numpy(one), value)
    assert not np.array_equal(to_numpy(model.trainable_variables[0]), start)


def test_model_with_averages_is_saved_and_trained_after_evaluation(tmp_path):
    """On JAX, Keras leaves averages and weights in one array."""
    x, y = images()
    model = small_model()
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    model.compile(optimizer, SPARSE(from_logits=True))
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        one.fit(x, y, verbose=0)
    for one, two in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6)
