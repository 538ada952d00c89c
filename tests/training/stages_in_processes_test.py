"""Stages train together in two processes, and go on together."""

import signal

import keras
import numpy as np
import pytest

from tests.jax_programs import of_two_processes
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
def killed(tmp_path_factory):
    """Returns the folder of two of which one is killed, and how they end."""
    folder = tmp_path_factory.mktemp("killed")
    run = str(folder / "run")
    started, files = start_two_processes(PROGRAM, folder, 1, "killed", run)
    try:
        # The other is ended by JAX, once it takes the first for dead.
        codes = [one.wait(timeout=600) for one in reversed(started)]
    finally:
        for process in started:
            process.kill()
    return run, codes[::-1], files[0].read_text()


@pytest.fixture(scope="module")
def both(tmp_path_factory, killed):
    folder = tmp_path_factory.mktemp("processes")
    return of_two_processes(PROGRAM, folder, 1, "resumed", killed[0])


def test_processes_train_stages_and_resume(both):
    """One of them has saved an epoch more than the other."""
    whole = both[0]["whole"]
    assert np.isfinite(whole["losses"]).all() and len(whole["losses"]) == 4
    for number, found in enumerate(both):
        assert found["whole"] == found["resumed"] == whole
        assert found["folders"] == [f"process_{number}"]


def test_one_process_is_killed_and_both_go_on(killed, both):
    """The other ends by itself, and says so."""
    _, codes, errors = killed
    assert codes[1] == -signal.SIGKILL
    assert codes[0] not in (0, None)
    assert "Terminating process because" in errors
    for found in both:
        assert found["after_the_kill"] == both[0]["whole"]
