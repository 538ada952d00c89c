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
from keras_lt.models.weighted_mean import weighted_mean
from keras_lt.ops.robustness import batch_centroids
from keras_lt.ops.robustness import class_weights_in_batch
from keras_lt.ops.robustness import robust_losses
from keras_lt.replicas import on_whole_batch
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
            found[name], values, 1e-5, 1e-5, err_msg=name
        )
    for ours, theirs in zip(model.variables, alone.variables, strict=True):
        first, second = replicas_of(ours)
        np.testing.assert_array_equal(first, second, ours.path)
        np.testing.assert_allclose(
            first, theirs.numpy(), 1e-5, 1e-5, err_msg=ours.path
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
            compiled(model, teachers)
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
    for one in (model, alone):
        one.fit(batches, epochs=2, verbose=0)
    for ours, theirs in zip(model.variables, alone.variables, strict=True):
        np.testing.assert_allclose(
            replicas_of(ours)[1], theirs.numpy(), 1e-5, 1e-5, err_msg=ours.path
        )


def batch(rows=11):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(rows, 3)).astype("float32")
    labels = generator.integers(0, 4, rows).astype("int32")
    weights = generator.uniform(0.5, 2.0, rows).astype("float32")
    return features, labels, weights


def coupled_loss(features, labels, weights, radii):
    """A term in which each example counts in those of the others."""

    def term(features, labels):
        values = robust_losses(
            features,
            labels,
            batch_centroids(features, labels),
            keras.ops.take(radii, labels),
            bound="strict",
        )
        return values, class_weights_in_batch(labels)

    values, own = on_whole_batch(term, features, labels)
    return weighted_mean(values, own * weights)


def gradients(features, labels, weights, radii):
    import tensorflow as tf

    features, radii = map(tf.convert_to_tensor, (features, radii))
    with tf.GradientTape() as tape:
        tape.watch([features, radii])
        loss = coupled_loss(features, labels, weights, radii)
    return loss, *tape.gradient(loss, [features, radii])


def test_gradients_go_to_the_replica_of_each_example(strategy):
    """Parts of 6 and 5; Keras adds up the gradients of what they share."""
    import tensorflow as tf

    rows = batch()
    radii = np.array([0.1, 0.2, 0.3, 0.4], "float32")
    loss, of_features, of_radii = gradients(*rows, radii)

    def part(context, values):
        index = context.replica_id_in_sync_group
        return values[6 * index : 6 * index + 6]

    parts = [
        strategy.experimental_distribute_values_from_function(
            lambda context, values=values: part(context, tf.constant(values))
        )
        for values in rows
    ]
    found = tf.function(
        lambda *args: strategy.run(gradients, args=(*args, radii))
    )(*parts)
    losses, features, shared = map(strategy.experimental_local_results, found)
    for one in losses:  # Keras logs it times the number of replicas.
        np.testing.assert_allclose(2 * one, loss, 1e-6)
    np.testing.assert_allclose(
        np.concatenate(features), of_features, 1e-5, 1e-7
    )
    np.testing.assert_allclose(sum(shared), of_radii, 1e-5, 1e-7)
    assert np.abs(of_radii).max() > 1e-3


def test_mean_is_that_of_all_examples(strategy):
    """Weights that differ between the parts, and none at all in one."""
    values = np.array([1.0, 2.0, 30.0], "float32")
    for weights in ([1.0, 3.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]):
        expected = np.average(values, weights=weights) if any(weights) else 0.0
        weights = np.array(weights, "float32")

        def of_replica(weights=weights):
            import tensorflow as tf

            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = slice(2 * index, 2 * index + 2)
            return weighted_mean(
                tf.constant(values)[own], tf.constant(weights)[own]
            )

        for one in strategy.experimental_local_results(
            strategy.run(of_replica)
        ):
            np.testing.assert_allclose(2 * one, expected, 1e-6)


def test_scalars_are_averaged_over_replicas(strategy):
    def of_replica():
        import tensorflow as tf

        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        return on_whole_batch(
            lambda features, labels: (keras.ops.sum(features), labels),
            tf.fill((1, 2), float(index)),
            tf.fill((1,), index),
        )

    sums, labels = strategy.run(of_replica)
    for one in strategy.experimental_local_results(sums):
        assert float(one) == 2.0
    parts = strategy.experimental_local_results(labels)
    assert [part.numpy().tolist() for part in parts] == [[0], [1]]


def test_batch_that_leaves_a_replica_without_examples_raises(strategy):
    x, y = vectors(27)
    with strategy.scope():
        model = compiled(student())
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(x, y, batch_size=26)
    batches = data.Batches((x, y), batch_size=13)
    with pytest.raises(ValueError, match='last_batch="drop"'):
        model.fit(batches)
    half = data.Batches((x, y), batch_size=12, shard=(0, 2))
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(half)
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(x[:1], y[:1])


@pytest.mark.parametrize("made_outside", ["model", "optimizer", "objective"])
def test_what_is_made_outside_of_the_scope_raises(strategy, made_outside):
    parts = {
        "model": student,
        "optimizer": lambda: keras.optimizers.SGD(0.1),
        "objective": lambda: objectives.Robustness(COUNTS),
    }
    made = {made_outside: parts.pop(made_outside)()}
    with strategy.scope():
        made.update({name: make() for name, make in parts.items()})
        with pytest.raises(ValueError, match="in the scope of one strategy"):
            made["model"].compile(
                made["optimizer"],
                losses.BalancedSoftmax(COUNTS),
                objectives=[made["objective"]],
            )


def test_compiling_outside_of_the_scope_raises(strategy):
    with strategy.scope():
        model = student()
    with pytest.raises(ValueError, match="in the scope of one strategy"):
        model.compile("sgd", losses.BalancedSoftmax(COUNTS))


@pytest.mark.parametrize("scaled", [False, True])
def test_accumulated_gradients_raise(strategy, scaled):
    with strategy.scope():
        optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        with pytest.raises(ValueError, match="accumulation_steps=2"):
            compiled(student(), optimizer=optimizer)


def test_several_steps_at_once_raise(strategy):
    with strategy.scope():
        model = student()
        with pytest.raises(ValueError, match="must be 1 on several replicas"):
            compiled(model, steps_per_execution=2)
