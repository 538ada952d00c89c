import pathlib

import pytest
from absl import flags
from absl.testing import flagsaver

from applications.tables.cell import Cell
from applications.tables.cifar_lt import CIFAR_LT
from applications.tables.row import Row
from applications.tables.run import plan
from scripts import train
from tests.applications.tables.small_table import CELL
from tests.applications.tables.small_table import TABLE


def names(runs):
    return [run.name for run in runs]


def test_runs_stand_behind_those_that_they_need():
    runs = plan(TABLE.by_name, ["student", "second"], [CELL], [0, 1])
    assert names(runs) == [
        "plain_short_seed0",
        "plain_strong_short_seed7",
        "student_short_seed10",
        "second_short_seed0",
        "plain_short_seed1",
        "student_short_seed11",
        "second_short_seed1",
    ]


def test_mean_of_the_same_members_is_made_once():
    runs = plan(CIFAR_LT.by_name, ["teachers4"], [Cell()], [1, 2])
    assert names(runs) == [
        "cosine_short_seed0",
        "cosine_short_seed1",
        "cosine_strong_short_seed2",
        "cosine_strong_short_seed3",
        "teachers4_short_seed0",
    ]


def test_runs_of_two_applications_are_two():
    runs = plan(TABLE.by_name, ["second"], [CELL, Cell("cifar100_lt")], [0])
    assert [run.full_name for run in runs] == [
        "cifar10_lt/plain_short_seed0",
        "cifar10_lt/second_short_seed0",
        "cifar100_lt/plain_short_seed0",
        "cifar100_lt/second_short_seed0",
    ]


def test_flags_name_what_a_run_starts_from():
    runs = {
        run.name: run.flags(pathlib.Path("runs"))
        for run in plan(TABLE.by_name, ["student", "second"], [CELL], [3])
    }
    assert runs["second_short_seed3"] == {
        "application": "cifar10_lt",
        "imbalance_factor": "100",
        "profile": "exponential",
        "augmentation": "plain",
        "schedule": "short",
        "method": "crt",
        "initial_run": "runs/cifar10_lt/plain_short_seed3",
        "seed": "3",
        "validation_per_class": "20",
        "output_dir": "runs/cifar10_lt/second_short_seed3",
    }
    student = runs["student_short_seed13"]
    assert student["teacher_runs"] == (
        "runs/cifar10_lt/plain_short_seed3,"
        "runs/cifar10_lt/plain_strong_short_seed7"
    )
    assert (student["seed"], student["beta"]) == ("13", "50")
    assert runs["plain_strong_short_seed7"]["augmentation"] == "strong"


def test_nothing_is_held_out_where_half_of_the_classes_leave_nothing():
    (run,) = plan(TABLE.by_name, ["plain"], [Cell(profile="step")], [0])
    assert "validation_per_class" not in run.flags(pathlib.Path())
    choosing = Row("b", {"method": "tau_normalized"}, (), initial="plain")
    rows = {**TABLE.by_name, "b": choosing}
    cells = [Cell(profile="step"), Cell()]
    found = [(run.row.name, run.cell) for run in plan(rows, ["b"], cells, [0])]
    assert found == [("plain", Cell()), ("b", Cell())]


def test_names_say_what_differs_from_the_usual():
    cell = Cell("cifar10_lt", 50, "step", "strong", "ldam", epochs=3)
    assert cell.code == "step_factor50_strong_ldam_3epochs"
    assert cell.data == "cifar10_lt 50 step"
    assert cell.flags()["epochs"] == "3"
    assert cell.title == (
        "CIFAR-10-LT, 1:50 (step), 3 epochs, AutoAugment and Cutout"
    )


def test_rows_are_chosen_by_name():
    assert TABLE.choose(["core"]) == ["plain", "second"]
    assert TABLE.choose(["student", "all"]) == [
        "student",
        "plain",
        "second",
        "both",
    ]
    with pytest.raises(ValueError, match="student, both, or core or all"):
        TABLE.choose(["third"])


def test_the_table_of_cifar_is_whole():
    known = CIFAR_LT.by_name
    assert len(known) == len(CIFAR_LT.rows)
    assert {x for one in CIFAR_LT.groups.values() for x in one} <= set(known)
    labels = [line.label for line in CIFAR_LT.lines().values()]
    assert len(set(labels)) == len(labels)
    pairs = [CIFAR_LT.baseline, *(x for q in CIFAR_LT.questions for x in q)]
    assert set(pairs) <= set(CIFAR_LT.lines())


@pytest.mark.parametrize("augmentation", ["plain", "strong"])
def test_train_understands_the_flags_of_every_run(augmentation):
    cell = Cell(augmentation=augmentation)
    runs = plan(CIFAR_LT.by_name, CIFAR_LT.by_name, [cell], [0])
    assert len(names(runs)) == len(set(names(runs))) >= len(CIFAR_LT.rows)
    for run in runs:
        if run.row.is_derived:
            continue
        with flagsaver.flagsaver():
            own = run.flags(pathlib.Path("runs"))
            flags.FLAGS(["train.py", *(f"--{k}={v}" for k, v in own.items())])
            settings = train._settings()
        assert settings.seed == run.seed
        assert settings.method == tuple(run.row.flags["method"].split(","))
        assert settings.distillation.teacher_runs == tuple(
            f"runs/{one.full_name}" for one in run.needs if run.row.teachers
        )
