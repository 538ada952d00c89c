"""The tables in the pages say what the committed result files hold."""

import json
import pathlib
import re

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

import applications
from applications.settings import OF_EXITS
from applications.settings import Settings
from applications.tables import page
from applications.tables.cifar_lt import CIFAR_LT
from applications.tables.kept_run import KeptRun
from applications.tables.kept_run import read_all
from applications.tables.pairing import by_cell
from keras_lt.counts import class_groups
from scripts import train

ROOT = pathlib.Path(applications.__file__).parent
RUNS = sorted(ROOT.glob("cifar*/results/*.json"))
DOCS = ROOT.parent / "docs"
DEMO = ROOT / "digits_lt" / "results" / "demo.json"
OF_ROW = (
    "method",
    *OF_EXITS,
    "robustness",
    "distillation",
    "training",
    "retraining_epochs",
    "retraining_rate",
    "pretrained",
)
SCORES = ("many", "medium", "few", "accuracy")


def run_name(path):
    return f"{path.parents[1].name}/{path.stem}"


def asked_for(row):
    """The settings that the flags of a row make."""
    with flagsaver.flagsaver():
        words = (f"--{name}={value}" for name, value in row.flags.items())
        flags.FLAGS(["train.py", "--application=cifar10_lt", *words])
        return train._settings()


def of_row(settings):
    """What a row decides: all but data, length, seeds and other runs."""
    own = settings.what_is_trained()
    own["method"] = set(own["method"])
    own["distillation"].pop("teacher_runs")
    if own["branch"] == "auto":
        own["branch"] = "block"  # As it is after layers of feature maps.
    return {name: own[name] for name in OF_ROW}


def one_spaced(path):
    """The text without the spaces that align the columns of a table."""
    return " ".join(path.read_text().split())


def test_page_of_results_is_what_the_files_say():
    """If not: `python scripts/reproduce.py --table=cifar_lt --report_only`."""
    findings = (ROOT / "tables" / "cifar_lt.md").read_text()
    runs = read_all(ROOT)
    assert len(runs) == len(RUNS)
    written = DOCS / "results.md"
    assert written.read_text() == page.page(CIFAR_LT, runs, findings)
    for cell in by_cell(CIFAR_LT, runs):
        name = page.plot_of(cell)
        assert name is None or (DOCS / "results" / name).exists()


@pytest.mark.parametrize("path", RUNS, ids=run_name)
def test_run_belongs_to_a_row_of_the_table(path):
    run = KeptRun.read(path)
    seed = run.record["seed"]
    assert run.row in CIFAR_LT.by_name
    assert path.stem == f"{run.row}_{run.cell.code}_seed{seed}"
    if run.failure is None:
        row, settings = CIFAR_LT.by_name[run.row], run.record["settings"]
        if row.is_derived:
            assert settings["method"] == [row.flags["method"]]
        else:
            kept = of_row(Settings.from_json(settings))
            assert kept == of_row(asked_for(row))


@pytest.mark.parametrize("path", RUNS, ids=run_name)
def test_kept_answers_give_the_scores(path):
    run = KeptRun.read(path)
    for kind in run.record.get("predictions", {}):
        correct, labels = run.correct(kind)
        scores = run.scores(kind)
        np.testing.assert_allclose(correct.mean(), scores["accuracy"])
        for name, members in class_groups(run.class_counts).items():
            hits = [correct[labels == one].mean() for one in members]
            if hits:
                np.testing.assert_allclose(np.mean(hits), scores[name])


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


def test_readme_shows_lines_of_the_page_of_results():
    readme = (ROOT.parent / "README.md").read_text()
    _, _, rest = readme.partition("On CIFAR-100-LT")
    rows = re.findall(r"^\|[^|]*\|((?: [\d.]+ \|){4})$", rest, re.MULTILINE)
    assert len(rows) == 6
    page = one_spaced(DOCS / "results.md")
    for row in rows:
        assert f"| 1 |{row}" in page


def test_demo_raises_the_few_by_more_than_the_spread_of_seeds():
    scores = json.loads(DEMO.read_text())["scores"]
    few = {
        name: np.array([one["few"] for one in seeds])
        for name, seeds in scores.items()
    }
    plain = few.pop("crossentropy")
    for name, values in few.items():
        assert values.min() > plain.max(), name


@pytest.mark.parametrize("path", [DEMO, *RUNS], ids=run_name)
def test_result_says_where_it_comes_from(path):
    result = json.loads(path.read_text())
    for key in ("commit", "backend", "versions", "date"):
        assert result[key]
    assert "failed" in result or result["hardware"]
    assert "seed" in result or "seeds" in result
