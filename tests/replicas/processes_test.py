"""Two processes, each with its share, train as one device does."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_lt import training
from tests.replicas import networks
from tests.replicas import shares

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "tensorflow",
        reason="only TensorFlow has MultiWorkerMirroredStrategy",
    ),
]


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Returns the folder of the run, and what each process found."""
    folder = tmp_path_factory.mktemp("processes")
    workers = [f"localhost:{port}" for port in free_ports(shares.PROCESSES)]
    running = []
    for index in range(shares.PROCESSES):
        task = {"type": "worker", "index": index}
        settings = json.dumps({"cluster": {"worker": workers}, "task": task})
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.replicas.worker", str(folder)],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": settings},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        errors = [process.communicate(timeout=400)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    for process, error in zip(running, errors, strict=True):
        assert process.returncode == 0, error[-3000:]
    files = [folder / f"{index}.npz" for index in range(shares.PROCESSES)]
    return folder, [dict(np.load(file)) for file in files]


def check_equal(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, 1e-4, 2e-5, err_msg=name)


def test_shares_together_equal_one_device(processes):
    model = networks.compiled(networks.student())
    expected = shares.fitted(model, None)
    for found in processes[1]:
        check_equal(found, expected)


def test_a_training_that_crashed_goes_on(processes, tmp_path):
    folder, results = processes
    with np.load(folder / "worker_0" / "checkpoint.npz") as file:
        progress = json.loads(file["content"].item())["progress"]
    assert len(progress["history"]) == 3
    for name, value in results[0].items():
        if name.startswith("staged/"):  # The new classifier, too.
            np.testing.assert_array_equal(results[1][name], value, name)
    model = shares.plain_model()
    training.train(model, shares.stages_for(None)[:1], tmp_path, verbose=0)
    expected = networks.trained_values(model.backbone)
    check_equal(results[0], {f"features/{n}": v for n, v in expected.items()})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("inside", "outside of the scope"),
        ("same", "a share of its own"),
        ("count", r"in one of 2 processes"),
    ],
)
def test_what_cannot_work_raises(processes, kind, words):
    for found in processes[1]:
        assert words in str(found[kind])
