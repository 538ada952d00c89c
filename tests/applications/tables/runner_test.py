import dataclasses
import json
import os
import pathlib
import re
import signal
import threading
import time

import keras
import numpy as np
import pytest

from applications.tables.cell import Cell
from applications.tables.ensemble import ensemble
from applications.tables.kept_run import KeptRun
from applications.tables.kept_run import read_all
from applications.tables.run import plan
from applications.tables.runner import Runner
from tests.applications.tables.small_table import CELL
from tests.applications.tables.small_table import COUNTS
from tests.applications.tables.small_table import LABELS
from tests.applications.tables.small_table import TABLE
from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import record


class FakeTraining:
    """Leaves a result, unless the name of the run is among those to fail."""

    def __init__(self, failing=()):
        self.failing = set(failing)
        self.calls = []
        self.flags = {}

    def __call__(self, flags, log):
        folder = pathlib.Path(flags["output_dir"])
        self.calls.append(folder.name)
        self.flags[folder.name] = dict(flags)
        log.write_text("\n".join(f"line {i}" for i in range(9)))
        if folder.name in self.failing:
            return 1
        folder.mkdir(parents=True, exist_ok=True)
        content = record(
            "",
            int(flags["seed"]),
            {"as_trained": answers([9, 9, 9, 9])},
            application=flags["application"],
        )
        del content["row"]
        content.update(schedule={}, class_names=list("abcd"))
        (folder / "result.json").write_text(json.dumps(content))
        rng = np.random.default_rng(int(flags["seed"]))
        logits = rng.normal(size=(len(LABELS), 4)) * 3
        np.savez(folder / "logits.npz", logits=logits, labels=LABELS)
        return 0


def runner(tmp_path, train, jobs=1):
    return Runner(
        tmp_path / "runs",
        tmp_path / "kept",
        {"backend": "jax"},
        jobs=jobs,
        train=train,
        say=lambda line: None,
    )


def runs(*names):
    return plan(TABLE.by_name, names, [CELL], [0])


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_are_kept_with_their_row(tmp_path, jobs):
    train = FakeTraining()
    made = runner(tmp_path, train, jobs).make(runs("second", "student"))
    assert made == []
    kept = read_all(tmp_path / "kept")
    assert {(run.row, run.seed) for run in kept} == {
        ("plain", 0),
        ("plain", 7),
        ("second", 0),
        ("student", 10),
    }
    assert train.flags["second_short_seed0"]["backend"] == "jax"
    place = train.calls.index
    assert place("plain_short_seed0") < place("second_short_seed0")


def test_finished_runs_are_not_made_again(tmp_path):
    first = FakeTraining()
    runner(tmp_path, first).make(runs("plain"))
    again = FakeTraining()
    runner(tmp_path, again).make(runs("second"))
    assert again.calls == ["second_short_seed0"]


@pytest.mark.parametrize(
    ("row", "machine", "difference"),
    [
        (
            {"weight_decay": "2e-3"},
            {},
            "weight_decay='2e-3'; the run in .* None",
        ),
        ({}, {"dtype_policy": "float16"}, "dtype_policy='float16'; .* None"),
        ({}, {"backend": "torch"}, "backend='torch'; .* has 'jax'"),
    ],
)
def test_finished_run_of_other_flags_is_not_taken(
    tmp_path, row, machine, difference
):
    runner(tmp_path, FakeTraining()).make(runs("plain"))
    kept = read_all(tmp_path / "kept")[0].path
    kept.unlink()
    plain = TABLE.by_name["plain"]
    changed = dataclasses.replace(plain, flags={**plain.flags, **row})
    planned = plan({"plain": changed}, ["plain"], [CELL], [0])
    train, said = FakeTraining(), []
    own = runner(tmp_path, train)
    own.machine |= {"threads": "1", "progress": "none", **machine}
    own.say = said.append
    assert own.make(planned) == planned
    assert train.calls == []
    assert re.search(difference, KeptRun.read(kept).failure)
    assert re.search(difference, said[0])
    (tmp_path / "runs" / "cifar10_lt" / "plain_short_seed0").rename(
        tmp_path / "old"
    )
    assert own.make(planned) == []
    assert own.make(planned) == []
    assert train.calls == ["plain_short_seed0"]


def test_run_that_started_from_another_is_not_taken(tmp_path):
    planned = runs("second")
    own, said = runner(tmp_path, FakeTraining()), []
    own.make(planned)
    path = tmp_path / "runs" / "cifar10_lt" / "second_short_seed0"
    content = json.loads((path / "result.json").read_text())
    plain = json.loads(
        (path.with_name("plain_short_seed0") / "result.json").read_text()
    )
    origin = {"folder": "plain_short_seed0", "date": plain["date"]}
    for date, not_made in ((plain["date"], []), ("2020-01-01", planned[-1:])):
        content["initial_run"] = {**origin, "date": date}
        (path / "result.json").write_text(json.dumps(content))
        own.say = said.append
        assert own.make(planned) == not_made
    assert "started from that of 2020-01-01. Move" in said[-1]


def test_runs_of_two_applications_are_kept_apart(tmp_path):
    cells = [CELL, Cell("cifar100_lt")]
    train = FakeTraining()
    for own in (cells[:1], cells):
        planned = plan(TABLE.by_name, ["plain"], own, [0])
        assert runner(tmp_path, train).make(planned) == []
    assert train.calls == ["plain_short_seed0"] * 2
    assert {run.name for run in read_all(tmp_path / "kept")} == {
        "cifar10_lt/plain_short_seed0",
        "cifar100_lt/plain_short_seed0",
    }
    for cell in cells:
        (own,) = plan(TABLE.by_name, ["plain"], [cell], [0])
        result = own.folder(tmp_path / "runs") / "result.json"
        assert json.loads(result.read_text())["application"] in own.full_name


def test_failed_run_is_a_row_that_says_so_and_is_tried_again(tmp_path):
    train = FakeTraining(failing=["plain_short_seed0"])
    missing = runner(tmp_path, train).make(runs("second"))
    assert [run.row.name for run in missing] == ["plain", "second"]
    assert train.calls == ["plain_short_seed0"]
    failed = {run.row: run for run in read_all(tmp_path / "kept")}
    assert failed["plain"].failure == "\n".join(
        f"line {i}" for i in range(4, 9)
    )
    assert failed["second"].failure == "a run that it needs has failed"
    assert failed["second"].cell == Cell("cifar10_lt")
    kept = failed["plain"].record
    assert (kept["flags"]["method"], kept["flags"]["backend"]) == (
        "crossentropy",
        "jax",
    )
    assert kept["versions"]["keras"] == keras.__version__

    missing = runner(tmp_path, FakeTraining()).make(runs("second"))
    assert missing == []
    assert [run.failure for run in read_all(tmp_path / "kept")] == [None] * 2


def test_failure_does_not_replace_a_result(tmp_path):
    runner(tmp_path, FakeTraining()).make(runs("plain"))
    (tmp_path / "runs").rename(tmp_path / "lost")
    train = FakeTraining(failing=["plain_short_seed0"])
    missing = runner(tmp_path, train).make(runs("plain"))
    assert [run.row.name for run in missing] == ["plain"]
    assert [run.failure for run in read_all(tmp_path / "kept")] == [None]


@pytest.fixture
def interruptible():
    """Jobs in the background of a shell ignore what Ctrl-C sends."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt_stops_the_trainings_that_wait(tmp_path, jobs):
    calls = []

    def train(flags, log):
        calls.append(flags["output_dir"])
        log.write_text("KeyboardInterrupt")
        if len(calls) == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        deadline = time.monotonic() + 60
        while not own._is_stopping and time.monotonic() < deadline:
            time.sleep(0.01)
        return 1

    own = runner(tmp_path, train, jobs)
    with pytest.raises(KeyboardInterrupt):
        own.make(plan(TABLE.by_name, ["second"], [CELL], [0, 1, 2]))
    assert len(calls) <= jobs
    assert read_all(tmp_path / "kept") == []


def test_file_of_something_else_is_named(tmp_path):
    folder = tmp_path / "cifar10_lt" / "results"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json.*KeyError\('row'\)"):
        read_all(tmp_path)


def test_ensemble_is_the_mean_of_what_its_members_answer(tmp_path):
    train = FakeTraining()
    assert runner(tmp_path, train).make(runs("both")) == []
    assert train.calls == ["plain_short_seed0", "plain_strong_short_seed7"]
    kept = {run.row: run for run in read_all(tmp_path / "kept")}["both"]
    odds = 0
    for seed in (0, 7):
        z = np.random.default_rng(seed).normal(size=(len(LABELS), 4)) * 3
        odds = odds + np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    for kind, mean in (
        ("as_trained", odds),
        ("adjusted", odds / np.array(COUNTS)),
    ):
        correct, _ = kept.correct(kind)
        expected = mean.argmax(axis=1) == LABELS
        assert correct.tolist() == expected.tolist()
        assert kept.scores(kind)["accuracy"] == pytest.approx(expected.mean())
    assert kept.record["members"] == train.calls
    assert kept.cell == CELL


def test_derived_rows_come_last_and_are_kept_until_a_member_is_new(tmp_path):
    train = FakeTraining()
    said = []
    own = runner(tmp_path, train)
    own.say = said.append
    planned = runs("both", "second")
    assert own.make(planned) == []
    assert [line.partition(":")[0] for line in said][-2:] == [
        "cifar10_lt/second_short_seed0",
        "cifar10_lt/both_short_seed0",
    ]
    kept = own.kept(planned[2])
    result = planned[2].folder(own.runs_dir) / "result.json"
    content = {**json.loads(result.read_text()), "date": "then"}
    result.write_text(json.dumps(content))
    own.make(planned)
    assert json.loads(kept.read_text())["date"] == "then"
    os.utime(result, ns=(0, 0))
    own.make(planned)
    assert json.loads(kept.read_text())["date"] != "then"


def test_derived_row_may_fail(tmp_path, monkeypatch):
    train = FakeTraining()
    runner(tmp_path, train).make(runs("plain"))
    (
        tmp_path / "runs" / "cifar10_lt" / "plain_short_seed0" / "logits.npz"
    ).unlink()
    missing = runner(tmp_path, train).make(runs("both"))
    assert [run.row.name for run in missing] == ["both"]
    kept = {run.row: run for run in read_all(tmp_path / "kept")}["both"]
    assert kept.failure.startswith("FileNotFoundError: ")

    def derive(*arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("applications.tables.runner.derive", derive)
    runner(tmp_path, train).make(runs("both"))
    kept = {run.row: run for run in read_all(tmp_path / "kept")}["both"]
    assert kept.failure == "RuntimeError: out of memory"


def test_members_must_be_of_the_same_images(tmp_path):
    train = FakeTraining()
    runner(tmp_path, train).make(runs("plain"))
    other = tmp_path / "other"
    (tmp_path / "runs" / "cifar10_lt" / "plain_short_seed0").rename(other)
    runner(tmp_path, train).make(runs("plain"))
    path = tmp_path / "runs" / "cifar10_lt" / "plain_short_seed0"
    np.savez(other / "logits.npz", logits=np.zeros((3, 4)), labels=[0, 1, 2])
    with pytest.raises(ValueError, match="other labels in .*other"):
        ensemble([path, other], COUNTS)
