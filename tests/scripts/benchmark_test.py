"""The measuring script runs, and says what it can measure."""

import json
import pathlib
import subprocess
import sys

from scripts.benchmarks import image_files
from scripts.benchmarks import sampling_share

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


def test_photos_are_measured_against_their_decoder():
    for row in image_files.run(repeats=1, size=32):
        assert row["ratio"] > 0 and row["target"] == 0.9
        # Most of the work is decoding, on a busy machine as well.
        assert row["ratio_of_busy_time"] > 0.2


def test_draws_are_measured_against_input():
    rows = sampling_share.run(repeats=1, size=300)
    found = {row["part"]: row["largest"] for row in rows}
    assert 0 < found["draws by input"] < 0.03
    assert found["start to first batch, s"] > 0


def test_unknown_parts_are_named(tmp_path):
    done = run(tmp_path, "--what=nothing")
    assert done.returncode != 0
    assert "pipeline|sampl" in done.stdout + done.stderr
