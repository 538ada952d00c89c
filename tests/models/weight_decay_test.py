"""Coupled weight decay, seen in the steps that SGD takes."""

import keras
import numpy as np
import pytest

from keras_lt import models

DECAY = 0.02


def small_model():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="dense")(x))


def values(model):
    return [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]


def train(model, start, steps, momentum=0.0):
    """The trainable variables after some steps of SGD from `start`."""
    for variable, value in zip(model.trainable_variables, start, strict=True):
        variable.assign(value)
    model.compile(keras.optimizers.SGD(0.5, momentum=momentum), loss="mse")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8, 4, 4, 2)).astype("float32")
    y = rng.normal(size=(8, 2)).astype("float32")
    model.fit(x, y, batch_size=8, epochs=steps, verbose=0)
    return values(model)


def random_start(model):
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=v.shape).astype("float32")
        for v in model.trainable_variables
    ]


def clone(model):
    return keras.models.clone_model(model)


def reload(model, path):
    model.save(path)
    return keras.saving.load_model(path)


@pytest.fixture(scope="module")
def without_decay():
    """Where training starts, and where a step leads."""
    keras.utils.set_random_seed(0)
    model = small_model()
    start = random_start(model)
    return start, train(model, start, steps=1)


@pytest.mark.parametrize("origin", ["made", "cloned", "loaded"])
def test_decay_is_part_of_every_gradient(origin, without_decay, tmp_path):
    model = small_model()
    if origin == "cloned":
        model = clone(model)
    if origin == "loaded":
        model = reload(model, tmp_path / "model.keras")
    start, plain = without_decay
    models.add_weight_decay(model, DECAY)
    decayed = train(model, start, steps=1)
    assert len(start) == 6  # Kernel and bias twice, gamma and beta.
    for before, without, with_ in zip(start, plain, decayed, strict=True):
        np.testing.assert_allclose(
            without - with_, 0.5 * DECAY * before, rtol=2e-3, atol=2e-6
        )


def test_decay_goes_through_the_momentum():
    """With no gradient but the decay, SGD follows PyTorch's recursion."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    models.add_weight_decay(model, DECAY)
    model.set_weights([np.array([[3.0]]), np.array([0.0])])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.9), loss="mse")
    model.fit(np.zeros((4, 1)), np.zeros((4, 1)), epochs=5, verbose=0)
    theta, velocity = 3.0, 0.0
    for _ in range(5):
        velocity = 0.9 * velocity + DECAY * theta
        theta -= 0.5 * velocity
    np.testing.assert_allclose(float(model.get_weights()[0][0, 0]), theta, 1e-5)


def test_penalty_of_resnet_is_over_all_parameters():
    model = models.resnet20((8, 8, 1), weight_decay=DECAY)
    squares = sum(float(np.sum(np.square(w))) for w in values(model))
    np.testing.assert_allclose(
        float(sum(model.losses)), DECAY / 2 * squares, rtol=1e-5
    )
    assert len(model.losses) == len(model.trainable_variables)


def test_frozen_layer_does_not_decay():
    model = small_model()
    models.add_weight_decay(model, DECAY)
    model.get_layer("conv").trainable = False
    assert len(model.losses) == 4


@pytest.mark.parametrize("kind", [models.LongTailModel, models.EarlyExitModel])
def test_what_was_frozen_in_a_file_decays_once_it_is_trained(kind, tmp_path):
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, 3, padding="same", name="first")(inputs)
    x = keras.layers.BatchNormalization(name="second")(x)
    exits = {"exits": ["first"]} if kind is models.EarlyExitModel else {}
    model = kind(
        keras.Model(inputs, x), num_classes=2, weight_decay=DECAY, **exits
    )
    number = len(model.losses)
    model.backbone.trainable = False
    assert len(model.losses) == number - 4
    loaded = reload(model, tmp_path / "model.keras")
    loaded.trainable = True
    for layer in loaded.backbone.layers:
        layer.trainable = True
    assert len(loaded.losses) == number


def test_zero_takes_the_decay_away():
    model = small_model()
    models.add_weight_decay(model, DECAY)
    models.add_weight_decay(model, 0.0)
    assert not model.losses


def test_is_not_saved_with_the_model(tmp_path):
    model = small_model()
    models.add_weight_decay(model, DECAY)
    assert not reload(model, tmp_path / "model.keras").losses
    assert not clone(model).losses


def test_bad_arguments():
    with pytest.raises(ValueError, match="`weight_decay` must be a finite"):
        models.add_weight_decay(small_model(), -1.0)
    model = keras.Sequential([keras.layers.Dense(1)], name="later")
    with pytest.raises(ValueError, match="model 'later', which is not built"):
        models.add_weight_decay(model, DECAY)
