"""What a model sees in `fit`, on the running backend."""

import keras
import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import transforms

N = 22


def make(batch_size=4, **options):
    images = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3))
    data = images.astype("uint8"), np.arange(N) % 3
    return Batches(
        data, batch_size, transform=transforms.cifar(), seed=5, **options
    )


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class Recorder(keras.layers.Layer):
    """Adds up, per step of training, a number that tells batches apart."""

    def __init__(self, steps, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps
        self.seen = self.add_weight(
            shape=(steps,), initializer="zeros", trainable=False
        )
        self.step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False
        )

    def call(self, inputs, training=False):
        if training:
            mark = keras.ops.sum(inputs**2)
            here = keras.ops.arange(self.steps) == keras.ops.convert_to_tensor(
                self.step
            )
            self.seen.assign(self.seen + mark * keras.ops.cast(here, "float32"))
            self.step.assign_add(1)
        return inputs


def recording_model(steps, **options):
    recorder = Recorder(steps)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            recorder,
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, **options)
    return model, recorder


def marks(epochs, **options):
    """The marks of each batch of each epoch, from new batches."""
    return [
        float((batches[i][0] ** 2).sum())
        for epoch in epochs
        for batches in [make(**options)]
        if batches.set_epoch(epoch) is None
        for i in range(len(batches))
    ]


def fit(model, batches, **options):
    return model.fit(
        batches,
        callbacks=[batches.callback(), *options.pop("callbacks", [])],
        shuffle=False,
        verbose=0,
        **options,
    )


def assert_seen(recorder, expected):
    seen = keras.ops.convert_to_numpy(recorder.seen)
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


@pytest.mark.parametrize("threads", [0, 2])
def test_fit_sees_the_batches_of_each_epoch(threads):
    model, recorder = recording_model(18)
    fit(model, make(num_threads=threads), epochs=3)
    assert_seen(recorder, marks(range(3)))


def test_a_resumed_fit_goes_on():
    model, recorder = recording_model(6)
    fit(model, make(), initial_epoch=2, epochs=3)
    assert_seen(recorder, marks([2]))


def test_validation_and_evaluation_change_nothing():
    model, recorder = recording_model(18)
    batches, validation = make(), make(sampler=samplers.InOrder())

    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(batches, verbose=0)

    fit(
        model,
        batches,
        epochs=3,
        validation_data=validation,
        callbacks=[Evaluate()],
    )
    assert_seen(recorder, marks(range(3)))


def test_a_second_fit_starts_again():
    model, recorder = recording_model(12)
    batches = make()
    fit(model, batches, epochs=1)
    fit(model, batches, epochs=1)
    assert_seen(recorder, marks([0, 0]))


@pytest.mark.skipif(
    keras.backend.backend() == "torch",
    reason="torch has no steps_per_execution",
)
def test_several_steps_per_execution():
    model, recorder = recording_model(18, steps_per_execution=2)
    fit(model, make(), epochs=3)
    assert_seen(recorder, marks(range(3)))


def test_predictions_line_up_with_the_labels():
    model, _ = recording_model(1)
    batches = make(sampler=samplers.InOrder())
    expected = np.concatenate(
        [model.predict_on_batch(batches[i][0]) for i in range(len(batches))]
    )
    np.testing.assert_allclose(
        model.predict(batches, verbose=0), expected, atol=1e-4
    )


def test_shuffling_by_keras_is_noticed():
    model, _ = recording_model(1)
    batches = make(batch_size=1)
    # Keras shuffles with this module; batch 0 is not first from this seed.
    keras.utils.set_random_seed(1)
    with pytest.raises(Exception, match="Pass `shuffle=False` to `fit`"):
        model.fit(batches, callbacks=[batches.callback()], verbose=0)


def test_fewer_steps_than_batches_are_noticed():
    model, _ = recording_model(1)
    with pytest.raises(ValueError, match="3 steps per epoch, for 6 batches"):
        fit(model, make(), steps_per_epoch=3)


def test_layers_in_threads_give_the_same_batches():
    def batches(threads):
        layer = keras.layers.RandomTranslation(0.3, 0.3)
        data = np.random.default_rng(0).random((12, 4, 4, 3)), np.zeros(12, int)
        return Batches(
            data, 4, transform=transforms.from_layer(layer), num_threads=threads
        )

    expected = [x for x, _ in batches(0)]
    for (x, _), other in zip(batches(3), expected, strict=True):
        np.testing.assert_array_equal(x, other)
