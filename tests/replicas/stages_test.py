"""A training in stages on two replicas, with a crash in between."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import objectives
from keras_lt import samplers
from keras_lt import training
from keras_lt.models import LongTailModel
from keras_lt.replicas import scope_of
from tests.models.exit_models import seeded_weights
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.replicas import networks
from tests.replicas.networks import scope_for

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow cuts batches up among replicas",
)
ROWS, BATCH = 38, 12


class Cache:
    """What an objective asks of a cache of teachers."""

    feature_dims = [4]
    num_classes = CLASSES
    image_shape = (networks.DIM,)


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def stages_of(crashes):
    x, y = networks.vectors(ROWS)
    outputs = networks.teacher()(x)
    cached = {
        "teacher_features": keras.ops.convert_to_numpy(outputs["features"]),
        "teacher_logits": keras.ops.convert_to_numpy(outputs["logits"]),
    }
    batches = data.Batches((x, y), BATCH, seed=1, extras=cached)
    features = training.Stage(
        name="features",
        epochs=2,
        batches=batches,
        loss=losses.LogitAdjusted(COUNTS),
        optimizer=keras.optimizers.SGD(
            0.05, momentum=0.9, use_ema=True, ema_momentum=0.8
        ),
        objectives=[
            objectives.FeatureDistillation(Cache(), beta=5.0, logit_weight=0.5),
            objectives.Robustness(COUNTS),
        ],
        callbacks=[
            *([Crash()] if crashes else []),
            callbacks.AverageWeights(batches),
        ],
        validation=(x, y),
    )
    classifier = training.Stage(
        name="classifier",
        epochs=1,
        batches=data.Batches(
            (x, y), BATCH, sampler=samplers.ClassBalanced(), seed=2
        ),
        optimizer=keras.optimizers.SGD(0.1),
        objectives=(),
        trainable="classifier",
        reset="classifier",
        callbacks=[],
    )
    return [features, classifier]


def run(strategy, folder, crashes=False):
    keras.utils.set_random_seed(5)
    with scope_for(strategy):
        model = LongTailModel(networks.backbone(), CLASSES)
        seeded_weights(model, 3)
        stages = stages_of(crashes)
    return model, training.train(model, stages, folder, verbose=0)


@pytest.mark.slow
def test_a_training_that_crashed_ends_as_on_one_device(strategy, tmp_path):
    with pytest.raises(InterruptedError):
        run(strategy, tmp_path / "two", crashes=True)
    model, rows = run(strategy, tmp_path / "two")
    alone, expected = run(None, tmp_path / "one")
    for ours, theirs in zip(model.variables, alone.variables, strict=True):
        if "seed" not in ours.path:
            np.testing.assert_allclose(
                ours.numpy(), theirs.numpy(), 1e-5, 1e-5, err_msg=ours.path
            )
    for row, other in zip(rows, expected, strict=True):
        for name in set(other) - {"seconds", "stage"}:
            np.testing.assert_allclose(
                row[name], other[name], 1e-5, 1e-5, err_msg=name
            )


def test_scope_is_that_of_the_model(strategy):
    import tensorflow as tf

    with strategy.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with scope_of(model):
        assert tf.distribute.get_strategy() is strategy
    with scope_of(keras.Sequential([keras.Input((2,))])):
        assert tf.distribute.get_strategy() is not strategy
