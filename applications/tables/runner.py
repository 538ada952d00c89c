"""Makes the runs of a table, and keeps what the table is written from."""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from applications.files import write_json
from applications.provenance import software
from applications.tables.derived import derive
from applications.tables.run import Run
from keras_lt.plain_description import first_difference

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "train.py"
LAST_LINES = 5
"""Lines of the output that a failed run keeps."""

WITHOUT_EFFECT = ("data_dir", "progress", "threads")
"""Flags that do not make another run."""

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
    for is left out, and said to be. Rows that are derived from runs come last,
    and again where one of these is new. A finished run that had other flags
    counts as failed.

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
        self._is_stopping = False

    def make(self, runs: Sequence[Run]) -> list[Run]:
        """Makes the runs, those first that others need.

        Args:
            runs: In an order in which they can be made.

        Returns:
            The runs without a result.
        """
        futures: dict[str, concurrent.futures.Future[bool]] = {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            try:
                for run in runs:
                    if run.row.is_derived:
                        continue
                    # It waits for earlier ones only, and those have a thread.
                    before = [futures[one.full_name] for one in run.needs]
                    futures[run.full_name] = pool.submit(
                        self._make_after, run, before
                    )
                concurrent.futures.wait(futures.values())
            except BaseException:
                self._is_stopping = True
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        made = {name: future.result() for name, future in futures.items()}
        # In this process, which would keep the device from the trainings.
        for run in runs:
            if run.row.is_derived:
                is_ready = all(made[one.full_name] for one in run.needs)
                made[run.full_name] = self._make(run, is_ready)
        return [run for run in runs if not made[run.full_name]]

    def kept(self, run: Run) -> pathlib.Path:
        """Returns where the result of a run is kept."""
        folder = self.results_dir / run.cell.application / "results"
        return folder / f"{run.name}.json"

    def _make_after(
        self, run: Run, before: Sequence[concurrent.futures.Future[bool]]
    ) -> bool:
        return self._make(run, all([one.result() for one in before]))

    def _make(self, run: Run, is_ready: bool) -> bool:
        """Returns whether the run has a result now."""
        if not is_ready or self._is_stopping:
            self._keep_failure(run, "a run that it needs has failed")
            return False
        if self._is_finished(run):
            reason = self._changed_flags(run) or self._changed_origin(run)
        else:
            write_json(self._flags_path(run), self._flags(run))
            reason = (
                self._derive(run) if run.row.is_derived else self._train(run)
            )
        if reason is not None:
            self._keep_failure(run, reason)
            return False
        self._keep(run, self._record(run))
        return True

    def _is_finished(self, run: Run) -> bool:
        """Whether it has a result, which of a derived run is the newest."""
        result = self._result(run)
        if not (result.exists() and run.row.is_derived):
            return result.exists()
        newest = max(self._result(one).stat().st_mtime_ns for one in run.needs)
        return result.stat().st_mtime_ns >= newest

    def _changed_flags(self, run: Run) -> str | None:
        """Returns which flag of a finished run is another one now, or None."""
        path = self._flags_path(run)
        if not path.exists():  # Of before.
            return None
        saved = json.loads(path.read_text(encoding="utf-8"))
        found = first_difference(saved, self._flags(run))
        if found is None:
            return None
        name, old, new = found
        return (
            "A run must have the flags of its row to be taken as it is. "
            f"Received: {name}={new!r}; the run in {str(path.parent)!r} has "
            f"{old!r}. Move that folder away to have it made anew."
        )

    def _changed_origin(self, run: Run) -> str | None:
        """Returns which run it started from is another one now, or None."""
        if run.row.is_derived:  # It was made anew.
            return None
        record = self._record(run)
        origins = [record.get("initial_run"), *(record.get("teachers") or ())]
        dates = {one["folder"]: one["date"] for one in origins if one}
        for one in run.needs:
            now = self._record(one).get("date")
            was = dates.get(one.name, now)
            if was != now:
                return (
                    "A run must have started from the runs that it needs as "
                    f"they are. Received: {one.name!r} of {now}; the run in "
                    f"{str(run.folder(self.runs_dir))!r} started from that of "
                    f"{was}. Move that folder away to have it made anew."
                )
        return None

    def _flags(self, run: Run) -> dict[str, str]:
        """Returns what decides about a result, the same in any `runs_dir`."""
        own = {**run.flags(pathlib.Path()), **self.machine}
        return {name: own[name] for name in own if name not in WITHOUT_EFFECT}

    def _result(self, run: Run) -> pathlib.Path:
        return run.folder(self.runs_dir) / "result.json"

    def _record(self, run: Run) -> dict[str, Any]:
        return json.loads(self._result(run).read_text(encoding="utf-8"))

    def _flags_path(self, run: Run) -> pathlib.Path:
        return run.folder(self.runs_dir) / "flags.json"

    def _train(self, run: Run) -> str | None:
        """Trains, and returns why that failed, or None."""
        self.say(f"{run.full_name}: training")
        log = run.folder(self.runs_dir).with_name(f"{run.name}.log")
        own = {**run.flags(self.runs_dir), **self.machine}
        status = self.train(own, log)
        if not status and self._result(run).exists():
            return None
        lines = log.read_text(encoding="utf-8").strip().splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def _derive(self, run: Run) -> str | None:
        """Derives, and returns why that failed, or None."""
        folders = [one.folder(self.runs_dir) for one in run.needs]
        method, data_dir = run.row.flags["method"], self.machine.get("data_dir")
        try:
            record = derive(method, folders, data_dir)
        except Exception as error:  # As in a process of its own.
            return f"{type(error).__name__}: {error}"
        write_json(self._result(run), {**record, "seed": run.seed})
        return None

    def _keep(self, run: Run, record: Mapping[str, Any]) -> None:
        write_json(self.kept(run), {"row": run.row.name, **record})
        accuracy = record["scores"]["as_trained"]["accuracy"]
        self.say(f"{run.full_name}: {100 * accuracy:.1f} %")

    def _keep_failure(self, run: Run, reason: str) -> None:
        """Says in the results that a run failed, unless it has one there."""
        if self._is_stopping:  # What was interrupted has not failed.
            return
        self.say(f"{run.full_name}: failed: {reason}")
        path = self.kept(run)
        if path.exists() and "failed" not in json.loads(path.read_text()):
            return
        content = {
            "row": run.row.name,
            "failed": reason,
            "seed": run.seed,
            # Not the device, which belongs to the trainings.
            **software(),
            "flags": self._flags(run),
        }
        write_json(path, content)
