"""The command that makes the runs of a table again."""

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
    found = {
        pair: one for name in rows for pair, one in runs.runs(name).items()
    }
    policies = {run.record["dtype_policy"] for run in found.values()}
    flags = {
        "applications": (cell.application, _USUAL.application),
        "imbalance_factors": (f"{cell.imbalance_factor:g}", "100"),
        "profile": (cell.profile, _USUAL.profile),
        "augmentation": (cell.augmentation, _USUAL.augmentation),
        # What it is by default depends on the machine.
        "schedule": (cell.schedule, None),
        "epochs": (cell.epochs, None),
        "rows": (",".join(rows), None),
        "seeds": (",".join(str(pair) for pair in sorted(found)), "0"),
        "dtype_policy": ("/".join(sorted(policies)), "float32"),
    }
    words = [
        f"--{name}={value}"
        for name, (value, usual) in flags.items()
        if value != usual
    ]
    return " ".join(["python scripts/reproduce.py --table=cifar_lt", *words])
