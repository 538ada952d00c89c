import pytest

from applications.tables import page
from applications.tables.pairing import by_cell
from tests.applications.tables.small_table import TABLE
from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import kept
from tests.applications.tables.small_table import record


@pytest.fixture
def runs(tmp_path):
    plain = {
        "as_trained": answers([20, 15, 10, 0]),
        "adjusted": answers([15, 15, 10, 10]),
    }
    deep = {
        "as_trained": answers([15, 15, 10, 20]),
        "full_depth": answers([15, 15, 10, 15]),
    }
    student = {
        **record("student", 10, deep),
        "exits": {"saved": 0.25},
    }
    long = {"schedule": "ldam"}
    contents = {
        "plain_short_seed0": record("plain", 0, plain),
        "student_short_seed10": student,
        "plain_ldam_seed0": record("plain", 0, plain, **long),
        "student_ldam_seed10": record("student", 10, deep, **long),
        "second_short_seed0": {
            "row": "second",
            "failed": "ValueError: | no\nroom",
            "seed": 0,
            "date": "2026-11-28T10:00:00+00:00",
            "flags": {
                "application": "cifar10_lt",
                "imbalance_factor": "100",
                "profile": "exponential",
                "augmentation": "plain",
                "schedule": "short",
            },
        },
    }
    return [
        kept(tmp_path / f"{name}.json", content)
        for name, content in contents.items()
    ]


def rows_of(text):
    """The rows of all tables, without the spaces that align them."""
    return [
        " ".join(line.split())
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_table_shows_scores_gains_and_savings(runs):
    text = page.page(TABLE, runs, "## What the numbers say\n\nMuch.")
    rows = rows_of(text)
    # Half of the few were gained: clear, where 5 points of both ways are not.
    for own in (
        "| plain | 1 | 70.0 | 40.0 | 0.0 | 45.0 | - | -5.0 | 70.4 [1] |",
        "| plain, adjusted | 1 | 60.0 | 40.0 | 40.0 | 50.0 | - | - | |",
        "| student | 1 | 60.0 | 40.0 | 80.0 | 60.0 | 25.0 | +10.0* | |",
        "| student, deep | 1 | 60.0 | 40.0 | 60.0 | 55.0 | - | +5.0* | |",
    ):
        assert own in rows
    assert "Published figures: 1: A, 2019." in text
    assert "## What the numbers say\n\nMuch." in text
    assert "## CIFAR-10-LT, 1:100, 200 epochs, crop and mirror" in text


def test_gain_says_how_many_pairs_it_is_of(runs, tmp_path):
    other = record("student", 11, {"as_trained": answers([20, 20, 20, 20])})
    runs.append(kept(tmp_path / "student_short_seed11.json", other))
    rows = rows_of(page.page(TABLE, runs, ""))
    start = "| student | 2 | 70.0 ± 14.1 | 60.0 ± 28.3 | 80.0 ± 0.0 |"
    (own,) = (row for row in rows if row.startswith(start))
    assert "| +10.0* (1 of them) |" in own


def test_command_makes_the_runs_of_a_table(runs, tmp_path):
    other = record(
        "second",
        2,
        {"as_trained": answers([20] * 4)},
        epochs=3,
        augmentation="strong",
        imbalance_factor=10.0,
    )
    runs.append(kept(tmp_path / "other.json", other))
    text = page.page(TABLE, runs, "")
    start = "python scripts/reproduce.py --table=cifar_lt"
    own = "--applications=cifar10_lt --schedule=short --rows=plain,student "
    own += "--backend=jax"
    assert f"{start} {own}\n" in text
    assert (
        f"{start} --applications=cifar10_lt --imbalance_factors=10 "
        "--augmentation=strong --schedule=short --epochs=3 --rows=second "
        "--seeds=2 --backend=jax\n"
    ) in text


def test_command_keeps_images_on_the_device_where_most_runs_did(runs):
    for one in runs:
        if one.failure is None and one.cell.schedule == "ldam":
            one.record["settings"]["device_data"] = True
    text = page.page(TABLE, runs, "")
    assert "--backend=jax --device_data=true\n" in text
    assert text.count("--device_data") == 1


def test_command_is_said_not_to_fit_some_runs(runs):
    text = page.page(TABLE, runs, "")
    assert "With another backend" not in text
    for one in runs[:2]:
        one.record["backend"] = "jax"
    runs[2].record["dtype_policy"] = "mixed_bfloat16"
    text = page.page(TABLE, runs, "")
    assert "With another backend" in text
    assert "says: `student_ldam_seed10`." in text


def test_comparison_says_the_work_that_both_save(tmp_path):
    contents = {
        "student": {
            **record("student", 10, {"as_trained": answers([15] * 4)}),
            "exits": {"saved": 0.25},
        },
        "second": record("second", 0, {"as_trained": answers([10] * 4)}),
        "plain": record("plain", 0, {"as_trained": answers([15] * 4)}),
    }
    runs = [
        kept(tmp_path / f"{name}.json", content)
        for name, content in contents.items()
    ]
    rows = rows_of(page.page(TABLE, runs, ""))
    assert any("student, against second | 25.0, - | 1 |" in r for r in rows)
    rows = rows_of(page.page(TABLE, runs[1:], ""))
    assert any("second, against plain | 1 |" in row for row in rows)


def test_page_shows_the_plots_beside_it(runs, tmp_path):
    path = tmp_path / "other.md"
    page.write(TABLE, runs, "", path, plots=False)
    assert "![" not in path.read_text()
    (tmp_path / "other").mkdir()
    page.write(TABLE, runs, "", path, plots=False)
    assert "](other/cifar10_lt_short.png)" in path.read_text()


def test_stages_of_two_augmentations_have_no_command(runs, tmp_path):
    other = record(
        "second", 0, {"as_trained": answers([20] * 4)}, augmentation="strong"
    )
    other["initial_run"] = {"augmentation": "plain"}
    runs.append(kept(tmp_path / "other.json", other))
    text = page.page(TABLE, runs, "")
    assert "Made by `scripts/train.py --initial_run`" in text


def test_failed_runs_are_rows(runs):
    rows = rows_of(page.page(TABLE, runs, ""))
    why = "ValueError: \\| no room"
    assert f"| cifar10_lt/second_short_seed0 | 2026-11-28 | {why} |" in rows


def test_runs_say_where_they_come_from(runs):
    text = "| 2026-11-28 | 0123456 | jax 0.10 | float32 | cpu:0 of a processor"
    start = f"| `cifar10_lt/plain_short_seed0` {text}"
    rows = rows_of(page.page(TABLE, runs, ""))
    assert f"{start}, threads: 2 | 2 | 1 |" in rows
    runs[0].record["resumed"] = [{"commit": "0123456789"}, {"commit": "abc"}]
    row = f"{start}, threads: 2 | 2 | 1 |".replace("0123456", "0123456, abc")
    assert row in rows_of(page.page(TABLE, runs, ""))
    del runs[0].record["resumed"]
    for tau_is, shown in (("fixed", "1, fixed"), ("not needed", "-")):
        runs[0].record["tau_is"] = tau_is
        row = f"{start}, threads: 2 | 2 | {shown} |"
        assert row in rows_of(page.page(TABLE, runs, ""))
    runs[0].record["tau_is"] = "chosen on held-out images"
    runs[0].record["commit"] = None
    row = f"{start}, threads: 2 | 2 | 1 |".replace("0123456", "unknown")
    assert row in rows_of(page.page(TABLE, runs, ""))
    runs[0].record["commit"] = "0123456789"
    del runs[0].record["hardware"]["threads"]
    assert f"{start} | 2 | 1 |" in rows_of(page.page(TABLE, runs, ""))


def test_two_lengths_are_ranked_against_each_other(runs):
    text = page.page(TABLE, runs, "")
    assert "against 30 epochs, for a CPU: 1.00 over 4 lines." in " ".join(
        text.split()
    )
    long, short = by_cell(TABLE, runs)
    lines = short.lines()
    assert page.rank_correlation(short, long, lines) == pytest.approx(1.0)


def test_page_and_plots_are_written(runs, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "docs" / "results.md"
    page.write(TABLE, runs, "", path)
    names = sorted(
        one.name for one in (tmp_path / "docs" / "results").iterdir()
    )
    assert names == ["cifar10_lt_ldam.png", "cifar10_lt_short.png"]
    for name in names:
        assert f"(results/{name})" in path.read_text()
