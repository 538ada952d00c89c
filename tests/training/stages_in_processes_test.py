"""Stages train together in two processes, and go on together."""

import signal

import keras
import numpy as np
import pytest

from tests.jax_programs import of_two_processes
from tests.jax_programs import result
from tests.jax_programs import start_two_processes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "jax",
        reason="tests/replicas does this for processes of TensorFlow",
    ),
]


PROGRAM = "tests.training.stages_in_processes"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return of_two_processes(PROGRAM, folder, devices=1)


def test_processes_train_stages_and_resume(both):
    """One of them has saved an epoch more than the other."""
    whole = both[0]["whole"]
    assert np.isfinite(whole["losses"]).all() and len(whole["losses"]) == 4
    for number, found in enumerate(both):
        assert found["whole"] == found["resumed"] == whole
        assert found["folders"] == [f"process_{number}"]


def test_one_process_is_killed_and_both_go_on(both, tmp_path):
    """The other ends by itself, and says so."""
    run = str(tmp_path / "run")
    arguments = (PROGRAM, tmp_path, 1, run)
    started, files = start_two_processes(*arguments, "1")
    try:
        assert started[1].wait(timeout=600) == -signal.SIGKILL
        assert started[0].wait(timeout=600) not in (0, None)
        assert "Terminating process because" in files[0].read_text()
    finally:
        for process in started:
            process.kill()
    started, files = start_two_processes(*arguments, "nobody")
    try:
        resumed = [result(*one) for one in zip(started, files, strict=True)]
    finally:
        for process in started:
            process.kill()
    assert resumed[0] == resumed[1] == both[0]["whole"]
