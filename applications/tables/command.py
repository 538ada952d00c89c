"""The command that makes the runs of a table again."""

import statistics
from typing import Any

from applications.tables.cell import Cell
from applications.tables.pairing import CellRuns

_USUAL = Cell()


def command(runs: CellRuns) -> str | None:
    """Returns a call of `scripts/reproduce.py`, but for the place of the data.

    Args:
        runs: The runs of a cell.

    Returns:
        The call; None if there is none, as stages had other augmentations.
    """
    cell = runs.cell
    if ", " in cell.augmentation:
        return None
    rows = [name for name in runs.table.by_name if runs.runs(name)]
    pairs = sorted({pair for name in rows for pair in runs.runs(name)})
    records = [run.record for name in rows for run in runs.runs(name).values()]
    flags = {
        "applications": (cell.application, _USUAL.application),
        "imbalance_factors": (f"{cell.imbalance_factor:g}", "100"),
        "profile": (cell.profile, _USUAL.profile),
        "augmentation": (cell.augmentation, _USUAL.augmentation),
        # What it is by default depends on the machine.
        "schedule": (cell.schedule, None),
        "epochs": (cell.epochs, None),
        "rows": (",".join(rows), None),
        "seeds": (",".join(str(pair) for pair in pairs), "0"),
        # Of several, that of most: the list of all runs says which has which.
        "backend": (statistics.mode(r["backend"] for r in records), None),
        "dtype_policy": (
            statistics.mode(r["dtype_policy"] for r in records),
            "float32",
        ),
        "device_data": (
            statistics.mode(_device_data(r) for r in records),
            "false",
        ),
    }
    words = [
        f"--{name}={value}"
        for name, (value, usual) in flags.items()
        if value != usual
    ]
    return " ".join(["python scripts/reproduce.py --table=cifar_lt", *words])


def made_otherwise(runs: CellRuns) -> list[str]:
    """Returns the runs with a backend or precision that most do not have."""
    made = {
        run.path.stem: (run.record["backend"], run.record["dtype_policy"])
        for name in runs.table.by_name
        for run in runs.runs(name).values()
    }
    backends, policies = zip(*made.values(), strict=True)
    usual = statistics.mode(backends), statistics.mode(policies)
    return [name for name, own in made.items() if own != usual]


def _device_data(record: dict[str, Any]) -> str:
    """Returns whether the images of a run lived on the device."""
    return str(record["settings"].get("device_data", False)).lower()
