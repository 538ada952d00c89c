"""Two replicas of TensorFlow train as one device does."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import objectives
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.replicas import networks
from tests.replicas.networks import compiled
from tests.replicas.networks import scope_for
from tests.replicas.networks import student
from tests.replicas.networks import vectors

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow cuts batches up among replicas",
)


ROWS, BATCH = 61, 13  # Neither is even, and the last batch has 9.


def replicas_of(variable):
    return [one.numpy() for one in variable.value.values]


def student_for(strategy):
    """Returns a model whose maps up to its exits are computed twice."""
    with scope_for(strategy):
        return compiled(student(rematerialize=["one", "two"]))


def robust_model_for(strategy):
    """Returns a model with centroids and radii that change at each step."""
    with scope_for(strategy):
        model = LongTailModel(networks.backbone(), CLASSES)
        networks.seeded_weights(model, 3)
        term = objectives.Robustness(
            COUNTS, centroids="moving_average", radius="learned"
        )
        model.compile(
            keras.optimizers.Adam(0.01),
            losses.BalancedSoftmax(COUNTS),
            objectives=[term],
        )
    return model


def trained(model):
    """Trains for 20 steps; returns the logs and the answers."""
    x, y = vectors(ROWS)
    logs = model.fit(
        x,
        y,
        sample_weight=networks.sample_weights(ROWS),
        batch_size=BATCH,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=[
            callbacks.DeferredReweighting(COUNTS, 2),
            callbacks.VariableSchedule(
                model.objectives[0].weight, lambda epoch: 0.5 + epoch / 10
            ),
        ],
    ).history
    logs["evaluate"] = model.evaluate(x, y, batch_size=BATCH, verbose=0)
    logs["predict"] = model.predict(x, batch_size=BATCH, verbose=0)
    return logs


@pytest.mark.slow
@pytest.mark.parametrize("make", [student_for, robust_model_for])
def test_replicas_equal_one_device(strategy, make):
    model, alone = make(strategy), make(None)
    found, expected = trained(model), trained(alone)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(
            found[name], values, 1e-4, 1e-4, err_msg=name
        )
    for ours, theirs in zip(model.variables, alone.variables, strict=True):
        first, second = replicas_of(ours)
        np.testing.assert_array_equal(first, second, ours.path)
        np.testing.assert_allclose(
            first, theirs.numpy(), 1e-4, 1e-4, err_msg=ours.path
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "spacing"),
    [("mixed_bfloat16", 1 / 128), ("mixed_float16", 1 / 1024)],
)
def test_half_precision_follows_one_device(strategy, policy, spacing):
    """Sums in another order move a rounded value by the spacing of its type.

    The mean loss of a batch moves by less, and half of it is allowed.
    """
    found = []
    for used in (strategy, None):
        with scope_for(used):
            keras.config.set_dtype_policy(policy)
            try:
                # What is rounded must not decide who leaves where.
                model = student(training_threshold=1.0)
                teachers = [networks.teacher()]
            finally:
                keras.config.set_dtype_policy("float32")
            compiled(model, teachers, metrics=())
        x, y = vectors(2 * BATCH)
        found.append(model.fit(x, y, BATCH, epochs=5, shuffle=False, verbose=0))
    ours, theirs = (one.history["loss"] for one in found)
    np.testing.assert_allclose(ours, theirs, rtol=spacing / 2)
    assert theirs[-1] < 0.9 * theirs[0]


def test_overflow_on_one_replica_leaves_the_step_out_on_all(strategy):
    """The images of the second are so large that gradients overflow."""
    with strategy.scope():
        inputs = keras.Input((networks.DIM,))
        layer = keras.layers.Dense(4, dtype="mixed_float16")
        model = LongTailModel(keras.Model(inputs, layer(inputs)), CLASSES)
        networks.seeded_weights(model, 3)
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.01), initial_scale=2.0**15
        )
        model.compile(optimizer, losses.BalancedSoftmax(COUNTS))
    x, y = vectors(8)
    before = model.get_weights()
    x[4:] *= 1000.0
    for kept in (True, False):
        model.fit(x, y, 8, verbose=0, shuffle=False)
        assert replicas_of(optimizer.dynamic_scale) == [2.0**14] * 2
        same = [
            np.array_equal(one, two)
            for one, two in zip(before, model.get_weights(), strict=True)
        ]
        assert kept == all(same)
        assert all(np.isfinite(one).all() for one in model.get_weights())
        x[4:] /= 1000.0  # Then, nothing overflows.
    assert replicas_of(optimizer.iterations) == [1, 1]


def image_model_for(strategy):
    """Returns a model whose exit has a block, which normalises too."""
    with scope_for(strategy):
        inputs = keras.Input((6, 6, 3))
        x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
        x = keras.layers.BatchNormalization(synchronized=True)(x)
        x = keras.layers.ReLU(name="one")(x)
        x = keras.layers.Conv2D(5, 3, strides=2, activation="relu")(x)
        model = EarlyExitModel(keras.Model(inputs, x), ["one"], CLASSES)
        networks.seeded_weights(model, 3)
        model.compile(
            keras.optimizers.SGD(0.05), losses.BalancedSoftmax(COUNTS)
        )
    return model


@pytest.mark.slow
def test_images_on_the_device_equal_those_of_one(strategy):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (22, 6, 6, 3), dtype="uint8")
    batches = data.DeviceBatches(
        (images, np.arange(22) % CLASSES),
        batch_size=8,
        transform=data.transforms.cifar(),
    )
    model, alone = image_model_for(strategy), image_model_for(None)

    def check_where_images_are(epoch, logs):
        (table,) = model.device_images.variables
        assert strategy.extended.variable_created_in_scope(table.value)

    check = keras.callbacks.LambdaCallback(
        on_epoch_begin=check_where_images_are
    )
    model.fit(batches, epochs=2, verbose=0, callbacks=[check])
    alone.fit(batches, epochs=2, verbose=0)
    for ours, theirs in zip(model.variables, alone.variables, strict=True):
        np.testing.assert_allclose(
            replicas_of(ours)[1], theirs.numpy(), 1e-5, 1e-5, err_msg=ours.path
        )
