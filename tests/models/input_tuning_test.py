"""Epochs end with their last step, and not when TensorFlow stops to tune."""

import keras
import pytest

from keras_lt import data
from keras_lt import models
from tests.models.small_models import CLASSES
from tests.models.small_models import SPARSE
from tests.models.small_models import images
from tests.models.small_models import small_backbone

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow tunes how it reads",
)

X, Y = images()


class Spy(models.LongTailModel):
    """Keeps what TensorFlow reads from."""

    def _maybe_symbolic_build(self, iterator=None, **kwargs):
        super()._maybe_symbolic_build(iterator=iterator, **kwargs)
        self.read.append(iterator._distributed_dataset)


@pytest.fixture
def model():
    model = Spy(small_backbone(), CLASSES)
    model.compile("sgd", loss=SPARSE(from_logits=True))
    model.read = []
    return model


def tuned(model):
    return [one.options().autotune.enabled for one in model.read]


@pytest.mark.parametrize("of", ["arrays", "batches"])
def test_nothing_is_tuned(model, of):
    given = (X, Y) if of == "arrays" else (data.Batches((X, Y), 4),)
    model.fit(*given, epochs=3, verbose=0, validation_data=(X, Y))
    model.evaluate(*given, verbose=0)
    assert tuned(model) == [False] * 5


def test_options_are_set_once(model):
    """Keras shows what it validates on at each epoch."""
    model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y))
    _, first, second, third = model.read
    assert first is second is third


def test_data_sets_of_the_user_are_tuned_as_they_say(model):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    model.fit(dataset, verbose=0)
    options = tf.data.Options()
    options.autotune.enabled = True
    model.evaluate(dataset.with_options(options), verbose=0)
    assert tuned(model) == [None, True]
