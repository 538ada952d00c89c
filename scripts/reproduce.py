"""Makes the runs of a table, and writes the table from what they left.

    python scripts/reproduce.py --table=cifar_lt --data_dir=data
        --runs_dir=runs --seeds=0,1,2

It may be stopped at any time: called again, it goes on where it was. With
--report_only it trains nothing.
"""

import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import applications  # noqa: E402
from applications.tables.cifar_lt import CIFAR_LT  # noqa: E402
from scripts import backend  # noqa: E402

if TYPE_CHECKING:
    from applications.tables.run import Run

_ROOT = pathlib.Path(__file__).resolve().parents[1]

_TABLE = flags.DEFINE_enum("table", None, ["cifar_lt"], "Which table.")
_ROWS = flags.DEFINE_list(
    "rows", "core", "Rows to run: core, levers, all, or names of rows."
)
_SEEDS = flags.DEFINE_list("seeds", "0", "Seeds, one run of a row for each.")
_DATA_SETS = flags.DEFINE_list(
    "applications", "cifar100_lt", "Of cifar10_lt and cifar100_lt."
)
_FACTORS = flags.DEFINE_list(
    "imbalance_factors", "100", "Largest by smallest training class."
)
_PROFILE = flags.DEFINE_enum(
    "profile", "exponential", ["exponential", "step"], "How class sizes fall."
)
_AUGMENTATION = flags.DEFINE_enum(
    "augmentation", "plain", ["plain", "strong"], "Of the training images."
)
_SCHEDULE = flags.DEFINE_enum(
    "schedule",
    None,
    applications.SCHEDULES,
    "By default ldam, with 200 epochs, where there is an accelerator, and "
    "short where there is none.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Instead of those of the schedule.", lower_bound=1
)
_REPORT_ONLY = flags.DEFINE_bool(
    "report_only", False, "Write the page from the kept results, train nothing."
)
_PLOTS = flags.DEFINE_bool("plots", True, "Whether to draw.")
_RUNS_DIR = flags.DEFINE_string(
    "runs_dir", "runs", "Where checkpoints, models and logs go, by application."
)
_RESULTS_DIR = flags.DEFINE_string(
    "results_dir",
    str(_ROOT / "applications"),
    "Where the results are kept, in <application>/results.",
)
_PAGE = flags.DEFINE_string(
    "page", str(_ROOT / "docs" / "results.md"), "The page that is written."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the data lies. By default KERAS_LT_DATA."
)
_JOBS = flags.DEFINE_integer(
    "jobs", 1, "Number of trainings at once.", lower_bound=1
)
_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    backend.BACKENDS,
    "Backend of Keras. By default KERAS_BACKEND, or one that is installed.",
)
_DTYPE_POLICY = flags.DEFINE_enum(
    "dtype_policy",
    "float32",
    backend.DTYPE_POLICIES,
    "Precision of the networks.",
)
_DEVICE_DATA = flags.DEFINE_bool(
    "device_data",
    False,
    "Keep and augment the training images on the device; for a GPU.",
)
_THREADS = flags.DEFINE_integer(
    "threads", None, "CPU threads of each training.", lower_bound=1
)


@flags.multi_flags_validator(
    ["seeds", "imbalance_factors"], "Seeds and imbalances must be numbers."
)
def _are_numbers(values: dict[str, list[str]]) -> bool:
    try:
        [int(one) for one in values["seeds"]]
        return all(float(one) >= 1 for one in values["imbalance_factors"])
    except ValueError:
        return False


@flags.validator("applications", "must be of cifar10_lt and cifar100_lt.")
def _applications_are_known(names: list[str]) -> bool:
    return bool(names) and not set(names) - {"cifar10_lt", "cifar100_lt"}


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    try:
        rows = CIFAR_LT.choose(_ROWS.value)
    except ValueError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    name = backend.set_up_keras(_BACKEND.value)
    from applications.tables import page
    from applications.tables.kept_run import read_all

    results_dir = pathlib.Path(_RESULTS_DIR.value)
    missing = []
    try:
        if not _REPORT_ONLY.value:
            missing = _make_runs(rows, results_dir, name)
        findings = _ROOT / "applications" / "tables" / "cifar_lt.md"
        page.write(
            CIFAR_LT,
            read_all(results_dir),
            findings.read_text(encoding="utf-8"),
            pathlib.Path(_PAGE.value),
            plots=_PLOTS.value,
        )
    except ValueError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    print(f"The page: {_PAGE.value}")
    if missing:
        names = ", ".join(run.full_name for run in missing)
        raise SystemExit(f"Without a result: {names}. Call it again.")


def _make_runs(
    rows: list[str], results_dir: pathlib.Path, name: str
) -> list["Run"]:
    """Makes what lacks, and returns the runs that still have no result."""
    from applications.tables.cell import Cell
    from applications.tables.run import plan
    from applications.tables.runner import Runner

    schedule = _SCHEDULE.value
    if schedule is None:
        schedule = "ldam" if _has_accelerator(name) else "short"
    cells = [
        Cell(
            application=application,
            imbalance_factor=float(factor),
            profile=_PROFILE.value,
            augmentation=_AUGMENTATION.value,
            schedule=schedule,
            epochs=_EPOCHS.value,
        )
        for application in _DATA_SETS.value
        for factor in _FACTORS.value
    ]
    machine = {
        "backend": name,
        "dtype_policy": _DTYPE_POLICY.value,
        "progress": "lines",
    }
    if _DATA_DIR.value:
        machine["data_dir"] = _DATA_DIR.value
    if _THREADS.value:
        machine["threads"] = str(_THREADS.value)
    if _DEVICE_DATA.value:
        machine["device_data"] = "true"
    runner = Runner(
        pathlib.Path(_RUNS_DIR.value),
        results_dir,
        machine,
        jobs=_JOBS.value,
        say=lambda line: print(line, flush=True),
    )
    seeds = [int(seed) for seed in _SEEDS.value]
    return runner.make(plan(CIFAR_LT.by_name, rows, cells, seeds))


def _has_accelerator(name: str) -> bool:
    """Asks in a process of its own, as this one must not hold the device."""
    code = (
        "from applications.provenance import hardware\n"
        "print(all(d.startswith('cpu') for d in hardware()['devices']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        env={**os.environ, "KERAS_BACKEND": name},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1] == "False"


if __name__ == "__main__":
    flags.mark_flag_as_required("table")
    app.run(main)
