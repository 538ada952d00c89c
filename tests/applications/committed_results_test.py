"""The tables in the pages say what the committed result files hold."""

import json
import pathlib

import numpy as np
import pytest

import applications
from keras_lt.markdown import percent

ROOT = pathlib.Path(applications.__file__).parent
RUNS = sorted(ROOT.glob("cifar*/results/*.json"))
DEMO = ROOT / "digits_lt" / "results" / "demo.json"
SCORES = ("many", "medium", "few", "accuracy")


def one_spaced(path):
    """The text without the spaces that align the columns of a table."""
    return " ".join(path.read_text().split())


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_table_shows_the_scores_of_a_run(path):
    result = json.loads(path.read_text())
    page = (path.parent.parent / "README.md").read_text()
    scores = result["scores"]["as_trained"]
    row = " | ".join(percent(scores[name]) for name in SCORES)
    assert row in page
    assert result["commit"][:7] in page


def test_tables_show_the_scores_of_the_demo():
    result = json.loads(DEMO.read_text())
    page = one_spaced(ROOT / "digits_lt" / "README.md")
    readme = one_spaced(ROOT.parent / "README.md")
    saved = result.get("work_saved", {})
    for method, seeds in result["scores"].items():
        values = [[one[name] for name in SCORES] for one in seeds]
        if method in saved:
            values = np.column_stack([values, saved[method]])
        mean = 100 * np.mean(values, axis=0)
        deviation = 100 * np.std(values, axis=0, ddof=1)
        row = " | ".join(
            f"{m:.1f} ± {d:.1f}" for m, d in zip(mean, deviation, strict=True)
        )
        assert row in readme
        assert row in page
    assert result["commit"][:7] in readme


def test_demo_raises_the_few_by_more_than_the_spread_of_seeds():
    scores = json.loads(DEMO.read_text())["scores"]
    few = {
        name: np.array([one["few"] for one in seeds])
        for name, seeds in scores.items()
    }
    plain = few.pop("crossentropy")
    for name, values in few.items():
        assert values.min() > plain.max(), name


@pytest.mark.parametrize("path", [DEMO, *RUNS], ids=lambda path: path.stem)
def test_result_says_where_it_comes_from(path):
    result = json.loads(path.read_text())
    for key in ("commit", "backend", "versions", "hardware", "date"):
        assert result[key]
    assert "seed" in result or "seeds" in result
