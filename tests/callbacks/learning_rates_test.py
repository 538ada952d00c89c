import keras
import numpy as np
import pytest

from keras_lt.callbacks import cosine_schedule
from keras_lt.callbacks import step_schedule


def ldam_rate(epoch):
    """The rule of the recipe, with epochs from 1."""
    if epoch <= 5:
        return 0.1 * epoch / 5
    if epoch > 180:
        return 0.1 * 0.0001
    if epoch > 160:
        return 0.1 * 0.01
    return 0.1


def test_step_schedule_is_the_recipe_of_ldam():
    rate = step_schedule(0.1, {180: 0.0001, 160: 0.01}, warmup_epochs=5)
    expected = [ldam_rate(epoch) for epoch in range(1, 201)]
    np.testing.assert_allclose([rate(e) for e in range(200)], expected, 1e-12)


def test_step_schedule_without_warm_up_or_drops():
    rate = step_schedule(0.5, {})
    assert [rate(epoch) for epoch in (0, 1, 1000)] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("warmup", [0, 4])
def test_cosine_schedule_matches_equation(warmup):
    rate = cosine_schedule(0.2, epochs=20, warmup_epochs=warmup)
    expected = [0.2 * (e + 1) / 4 for e in range(warmup)]
    steps = np.arange(20 - warmup) / (20 - warmup)
    expected += list(0.2 * 0.5 * (1 + np.cos(np.pi * steps)))
    np.testing.assert_allclose([rate(e) for e in range(20)], expected, 1e-12)
    assert rate(25) == pytest.approx(0.0, abs=1e-12)


def test_reaches_the_optimizer():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    rate = step_schedule(0.1, {3: 0.5}, warmup_epochs=2)
    x = np.zeros((2, 1), "float32")
    history = model.fit(
        x,
        x,
        epochs=4,
        verbose=0,
        callbacks=[keras.callbacks.LearningRateScheduler(rate)],
    )
    np.testing.assert_allclose(
        history.history["learning_rate"], [0.05, 0.1, 0.1, 0.05], 1e-6
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_schedule(0.0, {}), "`learning_rate` must be"),
        (lambda: step_schedule(0.1, {5: -1.0}), "`factors` must be"),
        (lambda: step_schedule(0.1, {-5: 1.0}), "`factors` must be"),
        (lambda: step_schedule(0.1, {}, -1), "`warmup_epochs` must be"),
        (lambda: step_schedule(0.1, {}, 1.5), "`warmup_epochs` must be a wh"),
        (lambda: cosine_schedule(0.1, 5, 1.5), "`warmup_epochs` must be a w"),
        (lambda: cosine_schedule(0.1, 0), "`epochs` must be"),
        (
            lambda: cosine_schedule(0.1, 5, 5),
            "`warmup_epochs` must be smaller than `epochs`. Received: "
            "warmup_epochs=5, epochs=5",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
