"""Two processes, each with its share, train as one device does."""

import json
import os
import pathlib
import signal
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


def started(folder, *arguments):
    """Starts the processes, whose errors go to files in the folder."""
    workers = [f"localhost:{port}" for port in free_ports(shares.PROCESSES)]
    running = []
    for index in range(shares.PROCESSES):
        task = {"type": "worker", "index": index}
        settings = json.dumps({"cluster": {"worker": workers}, "task": task})
        program = [sys.executable, "-m", "tests.replicas.worker", str(folder)]
        running.append(
            subprocess.Popen(
                [*program, *arguments],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": settings},
                # Not by pipes: one would wait until the other is read.
                stderr=(folder / f"{index}.txt").open("w"),
            )
        )
    return running


def ends_of(running):
    """Returns the codes that all of them end with."""
    try:
        return [process.wait(timeout=400) for process in running]
    finally:
        for process in running:
            process.kill()


def results(folder, running):
    """Returns what each process found."""
    for index, code in enumerate(ends_of(running)):
        assert code == 0, (folder / f"{index}.txt").read_text()[-3000:]
    files = [folder / f"{index}.npz" for index in range(shares.PROCESSES)]
    return [dict(np.load(file)) for file in files]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Returns the folder of two of which one is killed, and how they end."""
    folder = tmp_path_factory.mktemp("killed")
    codes = ends_of(started(folder))
    return folder, codes, (folder / "0.txt").read_text()


@pytest.fixture(scope="module")
def processes(tmp_path_factory, killed):
    """Returns what each of two finds that go on with that folder, too."""
    folder = tmp_path_factory.mktemp("processes")
    return results(folder, started(folder, str(killed[0])))


def check_equal(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, 1e-4, 2e-5, err_msg=name)


def test_shares_together_equal_one_device(processes):
    model = networks.compiled(networks.student())
    expected = shares.fitted(model, None)
    for found in processes:
        check_equal(found, expected)


def part(found, name):
    """Returns what stands under a name."""
    start = f"{name}/"
    return {
        key.removeprefix(start): value
        for key, value in found.items()
        if key.startswith(start)
    }


def test_stages_in_processes_equal_one_device(processes, tmp_path):
    model = shares.plain_model()
    training.train(model, shares.stages_for(None)[:1], tmp_path, verbose=0)
    expected = networks.trained_values(model.backbone)
    for kind in ("whole", "resumed"):
        check_equal(part(processes[0], f"{kind}/features"), expected)


def test_one_process_is_killed_and_the_other_ends(killed):
    """By itself, and says what of."""
    _, codes, errors = killed
    assert codes[1] == -signal.SIGKILL
    assert codes[0] not in (0, -signal.SIGKILL)
    assert "worker/replica:0/task:1" in errors


def test_both_go_on_as_if_none_had_been_killed(killed, processes):
    with np.load(killed[0] / "worker_0" / "checkpoint.npz") as file:
        progress = json.loads(file["content"].item())["progress"]
    assert len(progress["history"]) == 3
    whole = part(processes[0], "whole")  # The new classifier, too.
    assert whole
    for found in processes:
        for kind in ("whole", "resumed"):
            values = part(found, kind)
            assert values.keys() == whole.keys()
            for name, value in values.items():
                np.testing.assert_array_equal(value, whole[name], name)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("inside", "outside of the scope"),
        ("same", "a share of its own"),
        ("count", r"in one of 2 processes"),
    ],
)
def test_what_cannot_work_raises(processes, kind, words):
    for found in processes:
        assert words in str(found[kind])
