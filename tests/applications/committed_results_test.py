"""The tables of the applications say what their result files hold."""

import json
import pathlib

import pytest

import applications

ROOT = pathlib.Path(applications.__file__).parent
FILES = sorted(ROOT.glob("cifar*/results/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_table_shows_the_scores(path):
    result = json.loads(path.read_text())
    page = (path.parent.parent / "README.md").read_text()
    scores = result["scores"]["as_trained"]
    names = ("many", "medium", "few", "accuracy")
    row = " | ".join(f"{100 * scores[name]:.1f}" for name in names)
    assert row in page
    assert result["commit"][:7] in page


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_result_says_where_it_comes_from(path):
    result = json.loads(path.read_text())
    for key in ("seed", "commit", "backend", "versions", "hardware", "date"):
        assert key in result
    assert len(result["class_accuracies"]["as_trained"]) == 100
    assert len(result["history"]["loss"]) == result["schedule"]["epochs"]
