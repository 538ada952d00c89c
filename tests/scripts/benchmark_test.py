"""The measuring script runs, and says what it can measure."""

import json
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "benchmark.py"


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_pipeline_is_measured(tmp_path):
    done = run(
        tmp_path,
        "--what=pipeline",
        "--repeats=1",
        "--size=512",
        "--output=speed.json",
    )
    assert done.returncode == 0, done.stderr
    assert "strong" in done.stdout
    rows = json.loads((tmp_path / "speed.json").read_text())
    assert all(row["images_per_second"] > 0 for row in rows)


def test_unknown_parts_are_named(tmp_path):
    done = run(tmp_path, "--what=nothing")
    assert done.returncode != 0
    assert "pipeline|samplers" in done.stdout + done.stderr
