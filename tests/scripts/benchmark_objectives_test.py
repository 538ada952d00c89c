import keras
import numpy as np
import pytest

from keras_lt.objectives import Robustness
from scripts.benchmarks import objectives
from scripts.benchmarks._objective_step import objective_step
from scripts.benchmarks._objective_step import product_step
from tests.checks import to_numpy

SIZES = {"batch_size": 8, "num_classes": 5, "dim": 4}


@pytest.mark.slow
def test_rows_say_what_the_objectives_cost():
    def network(shape):
        images = keras.Input(shape)
        return keras.Model(images, keras.layers.Conv2D(4, 3)(images))

    rows = objectives.run(
        repeats=2,
        size=16,
        small=SIZES,
        large=SIZES,
        distilled={"batch_size": 8, "num_classes": 5, "numbers": (1, 2)},
        image_shape=(8, 8, 1),
        network=network,
    )
    assert [row["target"] for row in rows] == [
        *["< 1"] * 2,
        *["<= 2"] * 2,
        *["<= 1.05"] * 2,
        *["", "", "<= 1.10", "<= 1.05"] * 2,
    ]
    kinds = [row["variant"] for row in rows]
    assert kinds[:6] == ["epoch", "moving_average"] * 3
    assert kinds[6:] == [*["teachers=1"] * 4, *["teachers=2"] * 4]
    for row in rows:
        assert row["backend"] == keras.config.backend()
        in_ms = row["what"].endswith(", ms") and "teachers" in row["variant"]
        assert row["repeats"] == (4 if in_ms else 2)
        assert 0.001 < row["median"] < 1000
        low, high = row["quartiles"].split(" to ")
        assert float(low) <= row["median"] + 5e-4
        assert row["median"] <= float(high) + 5e-4


def test_gradient_of_the_objective_is_computed():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(6, 3)).astype("float32")
    labels = np.array([0, 1, 2, 0, 1, 2], "int32")
    term = Robustness([50, 9, 3])
    term.build((None, 3))
    term.set_centroids(generator.normal(size=(3, 3)), np.ones(3))

    def total(features):
        values, weights = map(to_numpy, term(features, labels))
        return (values * weights).sum() / weights.sum()

    gradient = objective_step(term, features, labels)()
    for place in ((0, 0), (3, 1), (5, 2)):
        step = np.zeros_like(features)
        step[place] = 0.01
        slope = (total(features + step) - total(features - step)) / 0.02
        assert gradient[place] == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_moving_averages_move_at_each_call():
    features = np.eye(4, dtype="float32")
    term = Robustness([5] * 4, centroids="moving_average", momentum=0.5)
    term.build((None, 4))
    term.set_centroids(np.zeros((4, 4)), np.ones(4))
    step = objective_step(term, features, np.arange(4, dtype="int32"))
    first, second = step(), step()
    assert not np.allclose(first, second)


def test_gradient_of_the_product_is_computed():
    generator = np.random.default_rng(0)
    features, others, upstream = (
        generator.normal(size=shape).astype("float32")
        for shape in ((4, 3), (5, 3), (4, 5))
    )
    gradient = product_step(features, others, upstream)()
    np.testing.assert_allclose(gradient, upstream @ others, 1e-4, 1e-5)
