"""How batches are padded for devices, and taken apart again."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt.models import distributed_model
from keras_lt.models import padded_batches
from keras_lt.models import padded_inputs
from keras_lt.models.padded_inputs import PaddedInputs

X = np.arange(30.0).reshape(10, 3)
Y = np.arange(10)

elsewhere = pytest.mark.skipif(
    keras.config.backend() == "jax", reason="JAX takes notice"
)


@pytest.fixture
def mesh(monkeypatch):
    """Pretends that there is a mesh, as most backends have no devices."""

    def pretend(shards, processes):
        for module in (padded_batches, padded_inputs):
            monkeypatch.setattr(module, "num_data_shards", lambda: shards)
            monkeypatch.setattr(module, "process_shard", lambda: (0, processes))
        own = shards // processes
        monkeypatch.setattr(padded_batches, "num_local_shards", lambda: own)

    return pretend


def unpadded(batch):
    """Returns a batch as a model sees it."""
    padded = PaddedInputs(batch[0])
    values = padded.unpad((padded.inputs, *batch[1:]))
    return [keras.ops.convert_to_numpy(one) for one in values]


@pytest.mark.parametrize("size", [1, 4, 5, 7, 8])
@pytest.mark.parametrize("shards", [1, 2, 4, 8])
def test_padding_is_taken_off_again(mesh, size, shards):
    mesh(shards, 1)
    batch = padded_batches.pad_batch(X[:size], Y[:size], Y[:size] / 2)
    for one in keras.tree.flatten(batch):
        assert len(one) % shards == 0
    # The first length is what Keras weighs the step by.
    assert len(keras.tree.flatten(batch[0])[0]) == size * shards
    for found, expected in zip(unpadded(batch), (X, Y, Y / 2), strict=True):
        np.testing.assert_allclose(found, expected[:size])


@pytest.mark.parametrize("sizes, count", [((3, 3), 6), ((3, 3), 5)])
def test_padding_of_two_processes_is_taken_off(mesh, sizes, count):
    """The second may have an example less, which its last row repeats."""
    mesh(4, 2)
    own = [np.arange(0, 6, 2), np.minimum(np.arange(1, 7, 2), count - 1)]
    parts = [
        padded_batches.pad_batch(X[r], Y[r], num_examples=count) for r in own
    ]
    joined = keras.tree.map_structure(
        lambda *values: np.concatenate(values), *parts
    )
    assert len(joined[1]) == 8
    _, labels = unpadded(joined)
    assert sorted(labels) == list(range(count))


def test_what_is_not_padded_stays_as_it_is():
    padded = PaddedInputs(X)
    assert padded.inputs is X and padded.unpad(Y) is Y


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_arrays_are_shuffled_anew_in_each_epoch(shuffle):
    batches = padded_batches.padded_batches(X, Y, None, 4, None, shuffle)
    np.random.seed(7)
    epochs = [[batches[i][1].tolist() for i in range(3)] for _ in range(2)]
    np.random.seed(7)
    for epoch in epochs:
        if shuffle is True:  # In the order of Keras.
            order = np.random.permutation(10)
        elif shuffle == "batch":
            parts = (np.arange(4), np.arange(4, 8), np.arange(8, 10))
            order = np.concatenate([np.random.permutation(p) for p in parts])
        else:
            order = np.arange(10)
        assert sum(epoch, []) == order.tolist()
        assert [len(one) for one in epoch] == [4, 4, 2]


def test_what_is_read_in_order_is_not_shuffled():
    """Keras asks for the batches of a `PyDataset` in a random order."""

    class Loader:
        def __len__(self):
            return 3

        def __iter__(self):
            return iter([(X[:4], Y[:4])] * 3)

    for source, labels in ((Loader(), None), (X, Y)):
        padded = distributed_model._padded_arguments(
            source, labels, {}, "steps_per_epoch"
        )
        assert padded[2] == {"shuffle": False}
    batches = data.Batches((X, Y), 4)
    padded = distributed_model._padded_arguments(
        batches, None, {}, "steps_per_epoch"
    )
    assert padded[2] == {}


def test_sources_of_batches():
    expected = [b[1].tolist() for b in data.Batches((X, Y), 4, seed=2)]
    ready = data.Batches((X, Y), 4, seed=2)
    listed = [tuple(batch) for batch in ready]

    class Loader:
        def __len__(self):
            return len(listed)

        def __iter__(self):
            return iter(listed)

    for source in (ready, Loader()):
        batches = padded_batches.padded_batches(source)
        for _ in range(2):
            found = [batches[i][1] for i in range(batches.num_batches)]
            assert [one.tolist() for one in found] == expected
    assert padded_batches.padded_batches(batches) is batches
    generator = iter(listed)
    assert padded_batches.padded_batches(generator) is generator


@pytest.mark.parametrize(
    "x, size, warns",
    [
        (X, 30, True),
        (X, 32, False),
        (X, None, False),
        (data.Batches((X, Y), 6), None, True),
        (data.Batches((X, Y), 8), None, False),
    ],
)
def test_sizes_that_do_not_divide_warn(monkeypatch, x, size, warns):
    monkeypatch.setattr(distributed_model, "num_local_shards", lambda: 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        distributed_model._check_batch_size(x, size)
    found = [str(one.message) for one in caught]
    assert [("should divide by" in one) for one in found] == [True] * warns


def test_end_of_nested_labels_is_held_out():
    labels = {"label": Y, "extra": X}
    options = {"validation_split": 0.2, "epochs": 3}
    x, y, found = distributed_model._hold_out(X, labels, options)
    held_x, held_y = found.pop("validation_data")
    assert found == {
        "validation_split": 0.0,
        "epochs": 3,
        "sample_weight": None,
    }
    np.testing.assert_array_equal(x, X[:8])
    np.testing.assert_array_equal(held_x, X[8:])
    for name, values in labels.items():
        np.testing.assert_array_equal(y[name], values[:8])
        np.testing.assert_array_equal(held_y[name], values[8:])


@elsewhere
def test_devices_that_keras_ignores_raise():
    mesh = keras.distribution.DeviceMesh((2,), ("batch",), ["cpu:0", "cpu:1"])
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, name="first")(inputs)
    backbone = keras.Model(inputs, keras.layers.Dense(4)(x))
    model = models.LongTailModel(backbone, 10)
    early = models.EarlyExitModel(backbone, ["first"], 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    with keras.distribution.DataParallel(device_mesh=mesh).scope():
        for call in (
            lambda: model.fit(X, Y),
            lambda: model.evaluate(X, Y),
            lambda: model.predict(X),
            lambda: early.predict(X),
        ):
            with pytest.raises(ValueError, match="must be used on JAX.*2 dev"):
                call()


def layout(num_classes, feature_dim, size=4, **kwargs):
    names = [f"cpu:{i}" for i in range(2 * size)]
    mesh = keras.distribution.DeviceMesh((2, size), ("batch", "model"), names)
    return models.classifier_layout(mesh, num_classes, feature_dim, **kwargs)


def test_layout_splits_classes_else_features():
    classes, features = layout(1000, 2048), layout(8142, 2048)
    for path in ("classifier/kernel", "model/exit_1/classifier/kernel"):
        assert classes[path].axes == (None, "model")
        assert features[path].axes == ("model", None)
    assert classes["classifier/bias"].axes == ("model",)
    assert classes["m/class_weights"].axes == ("model",)
    assert classes["robustness/centroids"].axes == ("model", None)
    assert features["robustness/centroids"].axes == (None, "model")
    assert features["classifier/bias"] is features["m/class_weights"] is None
    assert classes["stem/kernel"] is classes["my_classifier/kernel"] is None
    own = layout(1000, 2048, classifier="my_classifier")
    assert own["my_classifier/kernel"].axes == (None, "model")


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((10, 6), {}, "divide by .* num_classes=10 and feature_dim=6 for 4"),
        ((10, 8), {"axis": "parts"}, r"\['batch', 'model'\]. Received: axis="),
        ((0, 8), {}, "`num_classes` must"),
        ((8, -1), {}, "`feature_dim` must"),
    ],
)
def test_layouts_that_cannot_be(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        layout(*arguments, **options)


def test_batches_are_alike_in_all_threads():
    """Keras knows a distribution in the thread alone that has set it."""
    devices = [f"cpu:{i}" for i in range(4)]
    mesh = keras.distribution.DeviceMesh((4,), ("batch",), devices)
    parallel = keras.distribution.DataParallel(
        device_mesh=mesh, auto_shard_dataset=False
    )
    with parallel.scope():
        padded = padded_batches.PaddedBatches(data.Batches((X, Y), 6), 2)
        with ThreadPoolExecutor(1) as pool:
            inputs, labels = pool.submit(padded.__getitem__, 0).result()
    assert len(inputs["count"]) == 6 * 4
    assert len(inputs["inputs"]) == len(labels) == 8
