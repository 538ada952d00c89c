import pathlib

import keras
import pytest

from scripts.benchmarks import scaling

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "many_devices.md"


def test_ring_sends_each_byte_twice_but_for_one_part():
    # Four members: a half more than the bytes, in 6 messages.
    found = scaling.ring_seconds(8e9, 4, bandwidth=2e9, latency=0.1)
    assert found == pytest.approx(2 * 0.75 * 4 + 0.6)
    assert scaling.ring_seconds(8e9, 1, 2e9, 0.1) == 0


def test_sum_goes_through_the_machine_and_the_network():
    num_bytes = 160e6
    inside = 2 * 7 / 8 * num_bytes / 150e9 + 14 * 5e-6
    assert scaling.sum_seconds(num_bytes, 8) == pytest.approx(inside)
    between = 2 * 3 / 4 * (num_bytes / 8) / 10e9 + 6 * 20e-6
    assert scaling.sum_seconds(num_bytes, 32) == pytest.approx(inside + between)
    pair = num_bytes / 150e9 + 2 * 5e-6
    assert scaling.sum_seconds(num_bytes, 2) == pytest.approx(pair)


@pytest.mark.parametrize(
    "sums, overlap, expected",
    [(0.0, 0.0, 1.0), (1.0, 0.0, 0.5), (1.0, 0.5, 2 / 3), (0.4, 0.5, 1.0)],
)
def test_efficiency(sums, overlap, expected):
    assert scaling.efficiency(1.0, sums, overlap) == pytest.approx(expected)


def test_a_step_is_measured_and_extrapolated(monkeypatch):
    def small_network(weights, include_top, input_shape):
        assert weights is None and not include_top
        images = keras.Input(input_shape)
        return keras.Model(images, keras.layers.Conv2D(4, 3)(images))

    monkeypatch.setattr(scaling.keras.applications, "ResNet50", small_network)
    found = scaling.run(1, size=2, image_shape=(32, 32, 3), num_classes=10)
    assert [row["devices"] for row in found] == list(scaling.DEVICES)
    weights = 3 * 3 * 3 * 4 + 4 + 4 * 10
    assert found[0]["gradients_mb"] == pytest.approx(4e-6 * weights)
    assert found[0]["step_ms"] > 0
    shares = [row["efficiency_%"] for row in found]
    assert shares == sorted(shares, reverse=True)
    assert all(0 < share < 100 for share in shares)


def test_the_table_of_the_page_is_that_of_the_model():
    text = PAGE.read_text(encoding="utf-8")
    num_bytes = 4 * (23_534_592 + 2048 * scaling.NUM_CLASSES)
    assert f"{num_bytes / 1e6:.0f} MB" in text
    tables = [scaling.rows(step, num_bytes) for step in (0.05, 0.2)]
    for one in zip(*tables, strict=True):
        cells = [one[0]["devices"], f"{one[0]['sum_ms']:.1f}"]
        for row in one:
            cells.append(f"{row['efficiency_%']:.0f}")
            cells.append(f"{row['with_overlap_%']:.0f}")
        assert f"| {' | '.join(map(str, cells))} |" in text
