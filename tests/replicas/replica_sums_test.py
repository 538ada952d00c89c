"""Sums and means over the examples of all replicas."""

import keras
import numpy as np
import pytest

from keras_lt.models.batch_loss import weighted_mean
from keras_lt.ops.robustness import batch_centroids
from keras_lt.ops.robustness import class_weights_in_batch
from keras_lt.ops.robustness import robust_losses
from keras_lt.replicas import on_whole_batch

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow cuts batches up among replicas",
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
