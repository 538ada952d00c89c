"""The tables of exits, and the page that shows those of committed runs."""

import json
import pathlib
import re

import pytest

import applications
from applications.exit_tables import curve_table
from applications.exit_tables import shares_table

ROOT = pathlib.Path(applications.__file__).parents[1]
PAGE = (ROOT / "docs" / "early_exits.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"applications/\w+/results/[\w.]+\.json", PAGE)))


def point(threshold, accuracy, shares):
    scores = {"accuracy": accuracy, "saved": 0.2, "exit_shares": shares}
    rare = {"accuracy": accuracy / 2, "saved": -0.01, "exit_shares": [0, 1]}
    return {"thresholds": threshold, "all": scores, "few": rare}


EXITS = {
    "costs": [0.6, 1.01],
    "test": point([0.9], 0.75, [0.25, 0.75]),
    "each_exit": [point(None, 0.5, [1, 0]), point(None, 0.8, [0, 1])],
    "curve": [point([0.5], 0.7, [1, 0]), point([1.0], 0.8, [0, 1])],
}


def test_shares_by_group():
    assert shares_table(EXITS).splitlines()[2:] == [
        "| all |         80.0 |    75.0 |         20.0 |     25.0 |     75.0 |",
        "| few |         40.0 |    37.5 |         -1.0 |      0.0 |    100.0 |",
    ]


def test_curve_by_group():
    head, _, *rows = curve_table(EXITS).splitlines()
    assert head.replace(" ", "").startswith("|threshold|all%|few%|saved,all%|")
    assert rows == [
        "| 0.5       |  70.0 |  35.0 |         20.0 |         -1.0 |",
        "| 1         |  80.0 |  40.0 |         20.0 |         -1.0 |",
    ]


@pytest.mark.parametrize("name", NAMED)
def test_page_shows_the_runs_that_it_names(name):
    """If it fails, it prints the table that the page must hold."""
    result = json.loads((ROOT / name).read_text(encoding="utf-8"))
    for made in (shares_table, curve_table):
        expected = made(result["exits"])
        assert expected in PAGE, f"{name}:\n{expected}"
    assert result["commit"][:7] in PAGE
