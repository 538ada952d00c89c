"""On many devices, and in many processes, all is as on one device."""

import re

import keras
import numpy as np
import pytest

from tests.jax_programs import of_two_processes
from tests.jax_programs import result
from tests.jax_programs import start

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "jax",
        reason="only on JAX does `keras.distribution` spread anything",
    ),
]

PROGRAM = "tests.models.many_devices"
PREDICTED = ("logits", "all_logits")


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    written = tmp_path_factory.mktemp("devices") / "output"
    return result(start(PROGRAM, written, 4), written)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return of_two_processes(PROGRAM, folder, devices=2)


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        # Logits are 30 times a cosine.
        tolerance = 1e-3 if name in PREDICTED else 1e-4
        np.testing.assert_allclose(
            found[name], values, tolerance, tolerance, err_msg=name
        )


@pytest.mark.parametrize("kind", ["data", "classes"])
def test_devices_do_as_one(devices, kind):
    expected = devices["one"]
    assert len(expected["steps"]) == 21
    assert set(expected["exits"]) == {1, 2}
    assert expected["refused"] == 1
    assert_equal(devices[kind], expected)


def test_maps_computed_twice_and_accumulation_do_as_one(devices):
    alone, spread = devices["saving"]["less kept"]
    assert len(alone["steps"]) == 21
    assert_equal(spread, alone)


def test_half_precision_follows_one_device(devices):
    """Sums in another order move a rounded value by one in 128 of it.

    That is the spacing of bfloat16; that of float16 is an eighth. The mean
    loss of a batch moves by less, and half of it is allowed for two epochs.
    In time it decides which features a ReLU lets pass, and in which ball.
    """
    for kind, spacing in (("mixed_bfloat16", 2**-7), ("mixed_float16", 2**-10)):
        alone, spread = (one["steps"] for one in devices["saving"][kind])
        np.testing.assert_allclose(spread[:14], alone[:14], rtol=spacing / 2)
        np.testing.assert_allclose(spread, alone, rtol=0.02)
        assert alone[-1] < 0.6 * alone[0]


def test_loss_scales_agree_on_all_devices(devices):
    alone, spread = devices["saving"]["mixed_float16"]
    assert alone["updates"] == spread["updates"] == 21 - 7
    assert alone["scales"] == [2.0 ** (22 - 7)]
    assert spread["scales"] == 4 * alone["scales"]


def test_classes_are_split(devices):
    split = devices["split_classes"]
    of_all = {path.split("/", 1)[1]: axes for path, axes in split.items()}
    assert of_all == {
        "class_weights": ["model"],
        "radii": ["model"],
        "known": ["model"],
        "centroids": ["model", None],
        "classifier/kernel": [None, "model"],
        "exit_1_classifier_kernel_momentum": [None, "model"],
        "exit_2_classifier_kernel_momentum": [None, "model"],
    }


def test_features_are_split_where_classes_do_not_divide(devices):
    split = devices["split_features"]
    of_all = {path.split("/", 1)[1]: axes for path, axes in split.items()}
    assert of_all == {
        "centroids": [None, "model"],
        "classifier/kernel": ["model", None],
        "exit_1_classifier_kernel_momentum": ["model", None],
        "exit_2_classifier_kernel_momentum": ["model", None],
    }
    one = devices["first_step_of_one"]
    np.testing.assert_allclose(devices["first_step"], one, 1e-5)


def test_processes_do_as_one_device(processes):
    alone = processes[0]["alone"]
    assert len(alone["steps"]) == 18
    for number, process in enumerate(processes):
        own = {name: alone[name][90 * number :] for name in PREDICTED}
        assert_equal(process["together"], {**alone, **own})


def test_processes_read_their_own_shards(processes):
    assert [process["shard"] for process in processes] == [[0, 2], [1, 2]]


def test_processes_have_the_same_centroids(processes):
    first, second = (process["centroids"] for process in processes)
    np.testing.assert_array_equal(first, second)
    assert np.any(first)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("other_sizes", r"as many examples. Received: \[30, 31\]"),
        ("other_shard", r"shard of this process.* shard=\(0, 1\)"),
        ("device_batches", "must be trained on in one process"),
    ],
)
def test_what_processes_refuse(processes, name, expected):
    for process in processes:
        assert re.search(expected, process[name]), process[name]
