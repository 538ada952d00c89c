import keras
import numpy as np
import pytest

from keras_lt.layers import BatchNormalization
from keras_lt.layers import Conv2D
from keras_lt.models import resnet20
from keras_lt.models import resnet32
from scripts.benchmarks import fit

QUICK = {
    "repeats": 3,
    "batch_size": 4,
    "size": 8,
    "image_shape": (8, 8, 3),
    "torch_blocks": 1,
}


def network(shape):
    images = keras.Input(shape)
    return keras.Model(images, keras.layers.Conv2D(2, 3)(images))


def test_rows_say_how_much_longer_a_step_takes():
    pytest.importorskip("torch")
    rows = fit.run(network=network, **QUICK)
    assert [row["what"] for row in rows] == [
        "LongTailModel / plain Keras, arrays",
        "Conv2D, BatchNormalization / those of Keras",
        "Batches / bare network",
        "DeviceBatches / bare network",
        "DeviceBatches / plain PyTorch",
    ]
    for row in rows:
        assert list(row) == list(rows[0])
        assert row["backend"] == keras.config.backend()
        assert row["policy"] == "float32"
        assert row["images_per_second"] > 0
        low, high = row["quartiles"].split(" to ")
        assert float(low) <= row["ratio"] + 5e-4
        assert row["ratio"] <= float(high) + 5e-4
    assert 0.05 < rows[0]["ratio"] < 20
    assert rows[0]["target"] == "at most 1.05"
    assert rows[1]["target"] == "at most 1.00"
    assert rows[3]["target"] == "at most 1.10"
    for row in rows[2:4]:
        share = max(0.0, 1 - 1 / row["ratio"])
        assert row["input_share"] == pytest.approx(share)
    last = rows[4]
    speeds = last["other_images_per_second"] / last["images_per_second"]
    assert last["ratio"] == pytest.approx(speeds, rel=0.5)


def test_without_torch_the_others_are_measured(monkeypatch):
    monkeypatch.setattr(fit.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(fit, "seconds_of", lambda work: 1.0)
    monkeypatch.setattr(fit, "_epoch_seconds", lambda *_: np.ones(1))
    assert len(fit.run(network=network, **{**QUICK, "repeats": 1})) == 4


def test_only_two_layers_are_those_of_keras():
    ours = resnet20((8, 8, 3))
    theirs = fit._with_layers_of_keras(ours)
    for one, other in zip(ours.layers, theirs.layers, strict=True):
        kind = type(one)
        if kind in (BatchNormalization, Conv2D):
            kind = getattr(keras.layers, kind.__name__)
        assert type(other) is kind
        assert other.get_config() == one.get_config()


def test_the_network_in_torch_is_the_same():
    torch = pytest.importorskip("torch")
    from scripts.benchmarks import _torch_network

    theirs = _torch_network.ResNet(num_classes=10).eval()
    ours = resnet32(pooling="avg")
    *parameters, kernel, bias = theirs.parameters()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        pairs = zip(parameters, ours.trainable_variables, strict=True)
        for parameter, variable in pairs:
            shape = variable.shape
            fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 1.0
            values = rng.normal(size=shape) / np.sqrt(fan_in)
            variable.assign(values)
            order = (3, 2, 0, 1) if len(shape) == 4 else (0,)
            parameter.copy_(torch.tensor(values.transpose(order)))
        kernel.copy_(torch.eye(*kernel.shape))  # The first 10 features.
        bias.zero_()
        images = rng.normal(size=(2, 32, 32, 3)).astype("float32")
        found = theirs(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    expected = keras.ops.convert_to_numpy(ours(images, training=False))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected[:, :10], atol=1e-4 * scale)
