import json

from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import record
from tests.scripts.run_script import run_script


def reproduce(folder, *flags):
    return run_script(
        "reproduce.py",
        "--table=cifar_lt",
        f"--results_dir={folder / 'kept'}",
        f"--runs_dir={folder / 'runs'}",
        f"--page={folder / 'results.md'}",
        "--noplots",
        *flags,
        cwd=folder,
    )


def test_page_is_written_from_the_files_alone(tmp_path):
    folder = tmp_path / "kept" / "cifar10_lt" / "results"
    folder.mkdir(parents=True)
    kinds = {"as_trained": answers([20, 15, 10, 0])}
    (folder / "a.json").write_text(json.dumps(record("crt", 0, kinds)))
    status, output = reproduce(tmp_path, "--report_only")
    assert status == 0, output
    page = (tmp_path / "results.md").read_text()
    assert "CIFAR-10-LT, 1:100, 30 epochs" in page
    assert "| cRT" in page


def test_failed_run_is_a_row_of_the_page(tmp_path):
    status, output = reproduce(
        tmp_path,
        "--rows=focal",
        "--schedule=short",
        f"--data_dir={tmp_path / 'nowhere'}",
    )
    assert status == 1
    name = "cifar100_lt/focal_short_seed0"
    assert f"{name}: failed" in output
    assert f"Without a result: {name}. Call it again." in output
    page = (tmp_path / "results.md").read_text()
    assert "## Failed" in page
    assert "nowhere" in page


def test_unknown_rows_and_seeds_are_refused(tmp_path):
    status, output = reproduce(tmp_path, "--rows=best", "--schedule=short")
    assert status == 1
    assert "A row must be one of crossentropy" in output
    status, output = reproduce(tmp_path, "--seeds=a")
    assert status == 1
    assert "Seeds and imbalances must be numbers." in output
    assert not (tmp_path / "kept").exists()
