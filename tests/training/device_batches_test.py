"""Stages on `DeviceBatches` stop and go on as others do."""

import keras
import numpy as np
import pytest

from keras_lt import training
from keras_lt.data import Batches
from keras_lt.data import DeviceBatches
from keras_lt.data import transforms
from keras_lt.losses import BalancedSoftmax
from keras_lt.objectives import FeatureDistillation
from tests.checks import to_numpy
from tests.models.small_models import COUNTS
from tests.models.small_models import small_model

ROWS = 1000
IMAGES = np.random.default_rng(0).integers(0, 256, (ROWS, 6, 6, 3), "uint8")
LABELS = np.arange(ROWS) % 4


class Stop(keras.callbacks.Callback):
    """Ends the training in the middle of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("stop")


def train(kind, folder, callbacks=()):
    keras.utils.set_random_seed(0)
    teacher, model = small_model(), small_model()
    batches = kind(
        (IMAGES, LABELS), batch_size=500, transform=transforms.cifar()
    )
    distillation = FeatureDistillation(
        [teacher], projection_mode="distill_only"
    )
    first = training.Stage(
        name="features",
        epochs=3,
        batches=batches,
        loss=BalancedSoftmax(COUNTS),
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        objectives=[distillation],
        callbacks=callbacks,
    )
    second = training.Stage(
        name="classifier",
        epochs=1,
        batches=batches,
        objectives=(),
        trainable="classifier",
    )
    training.train(model, [first, second], folder, verbose=0)
    return model


def test_a_stopped_training_goes_on(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        train(DeviceBatches, tmp_path / "stopped", [Stop()])
    with np.load(tmp_path / "stopped" / "checkpoint.npz") as saved:
        assert not [n for n in saved.files if saved[n].size >= IMAGES.size]
    models = [
        train(DeviceBatches, tmp_path / "stopped"),
        train(DeviceBatches, tmp_path / "whole"),
        train(Batches, None),
    ]
    for one, two, plain in zip(*(m.variables for m in models), strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two), one.path)
        np.testing.assert_allclose(
            to_numpy(one), to_numpy(plain), 1e-5, 1e-5, err_msg=one.path
        )
