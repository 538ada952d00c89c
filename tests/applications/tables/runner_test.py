import json

import pytest

from applications.tables.cell import Cell
from applications.tables.kept_run import read_all
from applications.tables.run import plan
from applications.tables.runner import Runner
from tests.applications.tables.small_table import CELL
from tests.applications.tables.small_table import TABLE
from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import record


class FakeTraining:
    """Leaves a result, unless the name of the run is among those to fail."""

    def __init__(self, failing=()):
        self.failing = set(failing)
        self.calls = []

    def __call__(self, flags, log):
        import pathlib

        folder = pathlib.Path(flags["output_dir"])
        self.calls.append(folder.name)
        self.flags = dict(flags)
        log.write_text("\n".join(f"line {i}" for i in range(9)))
        if folder.name in self.failing:
            return 1
        folder.mkdir(parents=True)
        content = record(
            "", int(flags["seed"]), {"as_trained": answers([9, 9, 9, 9])}
        )
        del content["row"]
        (folder / "result.json").write_text(json.dumps(content))
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
    assert train.flags["backend"] == "jax"
    place = train.calls.index
    assert place("plain_short_seed0") < place("second_short_seed0")


def test_finished_runs_are_not_made_again(tmp_path):
    first = FakeTraining()
    runner(tmp_path, first).make(runs("plain"))
    again = FakeTraining()
    runner(tmp_path, again).make(runs("second"))
    assert again.calls == ["second_short_seed0"]


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


def test_file_of_something_else_is_named(tmp_path):
    folder = tmp_path / "cifar10_lt" / "results"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json.*KeyError\('row'\)"):
        read_all(tmp_path)
