import keras
import pytest

from scripts.benchmarks import fit


def test_row_says_how_much_longer_a_step_takes():
    def network(shape):
        images = keras.Input(shape)
        return keras.Model(images, keras.layers.Conv2D(2, 3)(images))

    [row] = fit.run(
        repeats=3, batch_size=4, steps=2, image_shape=(8, 8, 1), network=network
    )
    assert row["backend"] == keras.config.backend()
    assert row["plain_ms"] > 0
    assert 0.1 < row["ratio"] < 10
    low, high = row["quartiles"].split(" to ")
    assert float(low) <= row["ratio"] + 5e-4
    assert row["ratio"] <= float(high) + 5e-4
    assert row["target"] == pytest.approx(1.05)
