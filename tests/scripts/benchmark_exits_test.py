import keras
import pytest

from scripts.benchmarks import exits


@pytest.mark.slow
def test_rows_say_what_exits_save_and_cost():
    def network(shape):
        images = keras.Input(shape)
        x = keras.layers.Conv2D(4, 3, name="stage_1")(images)
        x = keras.layers.Conv2D(4, 3, activation="relu", name="stage_2")(x)
        return keras.Model(images, keras.layers.Conv2D(4, 3)(x))

    rows = exits.run(
        repeats=2,
        size=40,
        batch_size=8,
        steps=2,
        image_shape=(8, 8, 1),
        num_classes=3,
        network=network,
    )
    assert [row["target"] for row in rows] == [
        ">= 0.93",
        "<= 1.10",
        "<= 1.2",
        "<= 1.15",
    ]
    for row in rows:
        assert row["backend"] == keras.config.backend()
        assert row["repeats"] == 2
        assert 0.001 < row["ratio"] < 100
        low, high = row["quartiles"].split(" to ")
        assert float(low) <= row["ratio"] + 5e-4
        assert row["ratio"] <= float(high) + 5e-4
