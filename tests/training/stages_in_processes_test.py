"""Stages train together in two processes, and go on together."""

import keras
import numpy as np
import pytest

from tests.jax_programs import of_two_processes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "jax",
        reason="tests/replicas does this for processes of TensorFlow",
    ),
]


def test_processes_train_stages_and_resume(tmp_path):
    program = "tests.training.stages_in_processes"
    both = of_two_processes(program, tmp_path, devices=1)
    whole = both[0]["whole"]
    assert np.isfinite(whole["losses"]).all() and len(whole["losses"]) == 4
    for number, found in enumerate(both):
        assert found["whole"] == found["resumed"] == whole
        assert found["folders"] == [f"process_{number}"]
