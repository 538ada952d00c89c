"""Makes the runs of a table, and keeps what the table is written from."""

import concurrent.futures
import datetime
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from applications.files import write_json
from applications.tables.derived import derive
from applications.tables.run import Run

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "train.py"
LAST_LINES = 5
"""Lines of the output that a failed run keeps."""

Train = Callable[[Mapping[str, str], pathlib.Path], int]
"""Trains with flags, writes what is printed to a file, returns the status."""


def train(flags: Mapping[str, str], log: pathlib.Path) -> int:
    """Runs `scripts/train.py` in a process of its own."""
    words = [f"--{name}={value}" for name, value in flags.items()]
    with open(log, "w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, str(TRAIN), *words, "--resume"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return done.returncode


class Runner:
    """Makes runs, several at once, and copies their results.

    A run that is finished is not made again, one that was stopped goes on, and
    one that failed is tried again. What a failed run would have been needed
    for is left out, and said to be.

    Args:
        runs_dir: Where the folders of runs are, in one of each application:
            checkpoints, models, logs.
        results_dir: Where the results are kept, in `<application>/results`.
        machine: Flags of `scripts/train.py` about the machine and the place of
            the data.
        jobs: Number of trainings at once.
        train: What trains.
        say: Called with a line for each run.
    """

    def __init__(
        self,
        runs_dir: pathlib.Path,
        results_dir: pathlib.Path,
        machine: Mapping[str, str],
        jobs: int = 1,
        train: Train = train,
        say: Callable[[str], Any] = print,
    ) -> None:
        self.runs_dir = runs_dir
        self.results_dir = results_dir
        self.machine = dict(machine)
        self.jobs = jobs
        self.train = train
        self.say = say

    def make(self, runs: Sequence[Run]) -> list[Run]:
        """Makes the runs, those first that others need.

        Args:
            runs: In an order in which they can be made.

        Returns:
            The runs without a result.
        """
        futures: dict[str, concurrent.futures.Future[bool]] = {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for run in runs:
                # A run waits for earlier ones only, and those have a thread.
                before = [futures[one.full_name] for one in run.needs]
                futures[run.full_name] = pool.submit(self._make, run, before)
        return [run for run in runs if not futures[run.full_name].result()]

    def kept(self, run: Run) -> pathlib.Path:
        """Returns where the result of a run is kept."""
        folder = self.results_dir / run.cell.application / "results"
        return folder / f"{run.name}.json"

    def _make(
        self, run: Run, before: Sequence[concurrent.futures.Future[bool]]
    ) -> bool:
        if not all([one.result() for one in before]):
            self._keep_failure(run, "a run that it needs has failed")
            return False
        if run.row.is_derived:
            return self._derive(run)
        folder = run.folder(self.runs_dir)
        result = folder / "result.json"
        if not result.exists():
            self.say(f"{run.full_name}: training")
            log = folder.with_name(f"{run.name}.log")
            log.parent.mkdir(parents=True, exist_ok=True)
            own = {**run.flags(self.runs_dir), **self.machine}
            status = self.train(own, log)
            if status or not result.exists():
                lines = log.read_text(encoding="utf-8").strip().splitlines()
                self._keep_failure(run, "\n".join(lines[-LAST_LINES:]))
                return False
        self._keep(run, json.loads(result.read_text(encoding="utf-8")))
        return True

    def _derive(self, run: Run) -> bool:
        folders = [one.folder(self.runs_dir) for one in run.needs]
        method, data_dir = run.row.flags["method"], self.machine.get("data_dir")
        try:
            record = derive(method, folders, data_dir)
        except (OSError, ValueError) as error:
            self._keep_failure(run, f"{type(error).__name__}: {error}")
            return False
        self._keep(run, {**record, "seed": run.seed})
        return True

    def _keep(self, run: Run, record: Mapping[str, Any]) -> None:
        write_json(self.kept(run), {"row": run.row.name, **record})
        accuracy = record["scores"]["as_trained"]["accuracy"]
        self.say(f"{run.full_name}: {100 * accuracy:.1f} %")

    def _keep_failure(self, run: Run, reason: str) -> None:
        """Says in the results that a run failed, unless it has one there."""
        self.say(f"{run.full_name}: failed")
        path = self.kept(run)
        if path.exists() and "failed" not in json.loads(path.read_text()):
            return
        now = datetime.datetime.now(datetime.UTC)
        content = {
            "row": run.row.name,
            "failed": reason,
            "seed": run.seed,
            "date": now.isoformat(timespec="seconds"),
            "flags": {**run.cell.flags(), **run.row.flags},
        }
        write_json(path, content)
