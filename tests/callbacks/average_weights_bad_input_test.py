"""What `AverageWeights` refuses."""

import keras
import pytest

from keras_lt.callbacks import AverageWeights
from tests.callbacks.averaged_models import crossentropy
from tests.callbacks.averaged_models import examples
from tests.callbacks.averaged_models import plain_model
from tests.callbacks.averaged_models import sgd


def test_optimizer_must_average():
    model = plain_model()
    model.compile(keras.optimizers.SGD(0.1), loss=crossentropy())
    x, y = examples()
    with pytest.raises(ValueError, match="Received: SGD without.*use_ema"):
        model.fit(x, y, verbose=0, callbacks=[AverageWeights((x, y))])


def test_statistics_need_data():
    model = plain_model()
    model.compile(sgd(), loss=crossentropy())
    match = "`data` must .* Received: data=None for 2 layers"
    with pytest.raises(ValueError, match=match):
        model.fit(*examples(), verbose=0, callbacks=[AverageWeights()])


@pytest.mark.parametrize("wrong", [examples()[0], iter([])])
def test_data_must_be_readable_and_have_labels(wrong):
    with pytest.raises(ValueError, match="Data must be such|with their labels"):
        AverageWeights(wrong)


@pytest.mark.parametrize("wrong", [0, 1.5])
def test_number_of_batches_is_checked(wrong):
    with pytest.raises(ValueError, match="`max_batches` must be a whole"):
        AverageWeights(max_batches=wrong)
