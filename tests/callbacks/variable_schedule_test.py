import keras
import numpy as np
import pytest

from keras_lt.callbacks import VariableSchedule


class Scaled(keras.Model):
    """Multiplies its loss with a variable, which a step must see change."""

    def __init__(self):
        super().__init__()
        self.factor = self.add_weight(
            shape=(), initializer="ones", trainable=False
        )
        self.theta = self.add_weight(shape=(), initializer="ones")
        self.built = True

    def call(self, inputs):
        return inputs * self.theta

    def compute_loss(self, x=None, y=None, y_pred=None, *args, **kwargs):
        factor = keras.ops.convert_to_tensor(self.factor)
        return factor * keras.ops.mean(y_pred)


def test_compiled_step_sees_every_value():
    model = Scaled()
    model.compile(keras.optimizers.SGD(1.0))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            float(keras.ops.convert_to_numpy(model.theta))
        )
    )
    schedule = VariableSchedule(model.factor, lambda epoch: 10.0**-epoch)
    x = np.ones((2, 1), "float32")
    model.fit(x, x, epochs=3, verbose=0, callbacks=[schedule, watch])
    # The gradient is the factor: 1, 0.1, 0.01.
    np.testing.assert_allclose(seen, [0.0, -0.1, -0.11], atol=1e-6)


def test_value_may_be_one_tensor_for_many_epochs():
    """A step of JAX takes the memory of what a variable was given."""
    model = Scaled()
    model.compile(keras.optimizers.SGD(1.0))
    factor = keras.ops.convert_to_tensor(0.5)
    schedule = VariableSchedule(model.factor, lambda epoch: factor)
    x = np.ones((2, 1), "float32")
    model.fit(x, x, epochs=3, verbose=0, callbacks=[schedule])
    found = float(keras.ops.convert_to_numpy(model.theta))
    assert found == pytest.approx(1.0 - 3 * 0.5)


def test_untracked_variable():
    model = Scaled()
    model.compile("sgd")
    stray = keras.Variable(1.0, name="stray")
    x = np.ones((2, 1), "float32")
    with pytest.raises(ValueError, match="'stray', which is not in"):
        model.fit(
            x, x, verbose=0, callbacks=[VariableSchedule(stray, lambda e: e)]
        )
