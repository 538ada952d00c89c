import dataclasses

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import losses
from keras_lt import samplers
from keras_lt import training
from keras_lt.callbacks import StopOnNaN
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import vector_model

STEPS, SIZE = 4, 4


def examples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * SIZE, 3)).astype("float32")
    return x, (np.arange(len(x)) % CLASSES).astype("int32")


class SpoiledFrom:
    """Batches whose third is NaN, from an epoch on."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.marked = examples()[0][2 * SIZE]
        self.batches = data.Batches(
            examples(),
            SIZE,
            sampler=samplers.InOrder(),
            transform=self.spoil,
            check_finite=False,
            num_threads=0,
        )

    def spoil(self, images, labels, generator):
        if (
            self.batches.epoch >= self.epoch
            and (images[0] == self.marked).all()
        ):
            images = np.full_like(images, np.nan)
        return images, labels


def stage(epoch, optimizer=None):
    return training.Stage(
        name="all",
        epochs=3,
        batches=SpoiledFrom(epoch).batches,
        loss=losses.BalancedSoftmax(COUNTS),
        optimizer=optimizer or keras.optimizers.SGD(0.1),
    )


def skipping(optimizer):
    return keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)


def test_the_good_checkpoint_stays_and_the_message_says_where(tmp_path):
    with pytest.raises(
        FloatingPointError,
        match="loss=nan in step 2 of epoch 1, counted from 0, after a mean of",
    ):
        training.train(vector_model(), [stage(1)], tmp_path, verbose=0)
    assert not list(tmp_path.glob("*.tmp"))
    model = vector_model()
    rows = training.train(model, [stage(9)], tmp_path, verbose=0)
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all(np.isfinite(to_numpy(one)).all() for one in model.weights)


def test_first_step():
    model = vector_model()
    model.compile("sgd", losses.BalancedSoftmax(COUNTS))
    x, y = examples()
    model.classifier.kernel.assign(np.full((3, CLASSES), np.inf))
    with pytest.raises(
        FloatingPointError, match="in step 0 of epoch 0, .* from the first step"
    ):
        model.fit(x, y, verbose=0, callbacks=[StopOnNaN()])


@pytest.mark.skipif(
    keras.config.backend() == "torch",
    reason="Keras takes one step per execution on torch",
)
def test_several_steps_per_execution():
    model = vector_model()
    model.compile("sgd", losses.BalancedSoftmax(COUNTS), steps_per_execution=2)
    with pytest.raises(FloatingPointError, match="in step [23] of epoch 0"):
        model.fit(SpoiledFrom(0).batches, verbose=0, callbacks=[StopOnNaN()])


def test_goes_on_without_the_steps_at_fault(tmp_path):
    model = vector_model()
    optimizer = skipping(keras.optimizers.SGD(0.1))
    one = stage(1, optimizer=optimizer)
    rows = training.train(model, [one], tmp_path, verbose=0)
    assert np.isfinite([row["loss"] for row in rows]).tolist() == [
        True,
        False,
        False,
    ]
    assert int(to_numpy(model.optimizer.iterations)) == 3 * STEPS - 2
    assert all(np.isfinite(to_numpy(one)).all() for one in model.weights)


def test_stops_where_every_step_is_at_fault():
    model = vector_model()
    model.compile(
        skipping(keras.optimizers.SGD(0.1)), losses.BalancedSoftmax(COUNTS)
    )
    x, y = examples()
    model.classifier.bias.assign(np.full(CLASSES, np.nan))
    with pytest.raises(FloatingPointError, match="every step left out"):
        model.fit(x, y, SIZE, verbose=0, callbacks=[StopOnNaN()])


@pytest.mark.parametrize("threads", [0, 2])
def test_a_worker_that_fails_stops_the_training(threads, tmp_path):
    """The next one goes on from the last epoch, as if it had not been."""
    one, other = vector_model(), vector_model()
    other.set_weights(one.get_weights())
    keras.utils.set_random_seed(0)
    training.train(one, [stage(9)], verbose=0)

    failing = SpoiledFrom(1)

    def fail(images, labels, generator):
        spoiled, _ = failing.spoil(images, labels, generator)
        if np.isnan(spoiled).any():
            raise RuntimeError("the worker is gone")
        return images, labels

    failing.batches = data.Batches(
        examples(),
        SIZE,
        sampler=samplers.InOrder(),
        transform=fail,
        num_threads=threads,
    )
    keras.utils.set_random_seed(0)
    with pytest.raises(Exception, match="the worker is gone"):
        bad = dataclasses.replace(stage(9), batches=failing.batches)
        training.train(other, [bad], tmp_path, verbose=0)
    again = vector_model()
    training.train(again, [stage(9)], tmp_path, verbose=0)
    for found, expected in zip(again.weights, one.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


def test_infinite_loss_stops_as_well():
    model = vector_model()
    model.compile("sgd", losses.BalancedSoftmax(COUNTS))
    stop = StopOnNaN()
    stop.set_model(model)
    stop.on_epoch_begin(0)
    with pytest.raises(FloatingPointError, match="loss=inf in step 2"):
        stop.on_train_batch_end(2, {"loss": np.inf})


def test_infinite_loss_stops_where_all_steps_are_left_out():
    model = vector_model()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    model.compile(optimizer, losses.BalancedSoftmax(COUNTS))
    stop = StopOnNaN()
    stop.set_model(model)
    stop.on_epoch_begin(1)
    with pytest.raises(FloatingPointError, match="loss=inf in epoch 1"):
        stop.on_epoch_end(1, {"loss": np.inf})
