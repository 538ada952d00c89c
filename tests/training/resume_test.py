"""A training that was killed ends as one that was not."""

import csv
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.training import interrupted_run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


def run_process(folder, stage, epoch):
    command = ["-m", "tests.training.interrupted_run"]
    return subprocess.run(
        [sys.executable, *command, str(folder), stage, str(epoch)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": keras.config.backend()},
        capture_output=True,
        text=True,
    )


def without_clock(history):
    return [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in history
    ]


def assert_equal_weights(model, other):
    assert len(model.variables) == len(other.variables)
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one),
            keras.ops.convert_to_numpy(two),
            one.path,
        )


@pytest.mark.slow
def test_killed_twice_equals_not_killed(tmp_path):
    for stage, epoch in (("features", 1), ("classifier", 1)):
        killed = run_process(tmp_path, stage, epoch)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (tmp_path / "checkpoint.npz").exists()
    assert list(
        tmp_path.glob(".partial-*")
    )  # The last one died while it wrote.
    resumed, _ = interrupted_run.run(tmp_path, {})
    whole, history = interrupted_run.run(tmp_path / "whole", {})
    assert_equal_weights(resumed, whole)
    tables = []
    for folder in (tmp_path, tmp_path / "whole"):
        with open(folder / "history.csv", newline="") as file:
            tables.append(without_clock(csv.DictReader(file)))
    assert tables[0] == tables[1]
    assert len(history) == 5
    assert not list(tmp_path.rglob(".partial-*"))

    again, same = interrupted_run.run(tmp_path / "whole", {})
    assert same == history
    assert_equal_weights(again, whole)
