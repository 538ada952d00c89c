import json
import re
import subprocess
import time

import pytest
from absl import flags
from absl.testing import flagsaver

from scripts import train
from tests.applications.small_digits import quick_recipe
from tests.scripts.run_script import command
from tests.scripts.run_script import environment
from tests.scripts.run_script import run_script

RUN = ("--application=digits_lt", "--method=ldam,drw", "--progress=lines")


def main(*words):
    """Trains as the script does, but in this process."""
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py", *words])
        train.main([])


def test_killed_run_goes_on_and_can_be_reported(tmp_path):
    pytest.importorskip("sklearn")
    folder = tmp_path / "run"
    flags = (*RUN, "--epochs=8", f"--output_dir={folder}")
    table = folder / "checkpoints" / "history.csv"
    process = subprocess.Popen(
        command("train.py", *flags), env=environment(), cwd=tmp_path
    )
    try:
        wait_until(lambda: table.exists() and len(rows_of(table)) >= 2)
    finally:
        process.kill()
        process.wait()
    before = rows_of(table)
    assert 2 <= len(before) < 8
    assert not (folder / "result.json").exists()

    status, output = run_script("train.py", *flags, "--resume", cwd=tmp_path)
    assert status == 0, output
    assert "few %" in output
    assert f"Epoch {len(before)}/8" not in output
    after = rows_of(table)
    assert after[: len(before)] == before
    assert len(after) == 8
    result = json.loads((folder / "result.json").read_text())
    assert len(result["history"]["loss"]) == 8
    assert result["seed"] == 0
    assert (folder / "report" / "as_trained" / "report.md").exists()

    flags = (f"--run={folder}", f"--report={tmp_path / 'report'}", "--noplots")
    status, output = run_script("evaluate.py", *flags, cwd=tmp_path)
    assert status == 0, output
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["scores"] == result["scores"]["as_trained"]


def test_flags_reach_the_exits(tmp_path, capsys):
    pytest.importorskip("sklearn")
    folder = tmp_path / "run"
    given = {
        "exits": "stage_1",
        "branch": "pooled",
        "threshold": 0.8,
        "training_threshold": 0.6,
        "exit_weights": "0.5,1",
        "trunk_gradient": 0.25,
        "validation_per_class": 5,
        "max_accuracy_loss": 0.05,
    }
    with quick_recipe():
        main(
            "--application=digits_lt",
            "--method=logit_adjusted,elf",
            "--epochs=1",
            "--progress=none",
            f"--output_dir={folder}",
            *(f"--{name}={value}" for name, value in given.items()),
        )
    output = capsys.readouterr().out
    assert "logit_adjusted + elf, at full depth" in output
    assert "exit 2 %" in output
    result = json.loads((folder / "result.json").read_text())
    found = {name: result["settings"][name] for name in given}
    assert found == {**given, "exits": ["stage_1"], "exit_weights": [0.5, 1]}
    assert result["exits"]["thresholds_are"] == "chosen on held-out images"
    assert result["split"]["validation_per_class"] == 5
    assert (folder / "exits" / "exit_curve.json").exists()


def test_flags_that_do_not_go_together_are_refused(tmp_path):
    def refusal(*words):
        usual = ("--application=digits_lt", f"--output_dir={tmp_path / 'run'}")
        with pytest.raises(SystemExit) as refused:
            main(*usual, *words)
        assert not (tmp_path / "run").exists()
        return str(refused.value)

    output = refusal("--method=focal", "--mean_radius=0")
    assert "mean_radius=0.0 with the method 'focal'" in output
    output = refusal("--method=focal,ldam")
    assert "'focal' and 'ldam', which both set the loss" in output
    output = refusal("--augmentation=strong")
    assert "Leave out --augmentation" in output
    output = refusal("--method=elf", "--max_accuracy_loss=0.1")
    assert "must go with held-out images" in output
    output = refusal("--broken_images=replace")
    assert "must go with images in files" in output


def test_runs_of_one_name_are_not_compared(tmp_path):
    status, output = run_script(
        "evaluate.py",
        f"--run={tmp_path / 'a' / 'run'},{tmp_path / 'b' / 'run'}",
        f"--report={tmp_path / 'report'}",
    )
    assert status != 0
    assert "called differently" in output
    assert not (tmp_path / "report").exists()


def test_own_images_from_the_command_line(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            path = tmp_path / "photos" / name / f"{index}.png"
            image_module.new("RGB", (9, 9), (9 * index, 0, 0)).save(path)
    status, output = run_script(
        "train.py",
        "--application=image_folder",
        "--data_dir=photos",
        "--image_size=8",
        "--method=elf",
        "--exits=stage_9",
        "--output_dir=run",
        cwd=tmp_path,
    )
    # The network was made for such images, but no exit.
    assert status != 0
    assert "'stage_9'" in output
    assert "Traceback" not in output


def test_help_names_what_is_allowed():
    _, output = run_script("train.py", "--help")
    names = "digits_lt|cifar10_lt|cifar100_lt|imagenet_lt|inaturalist2018|"
    # The help is cut into lines wherever they are full.
    assert f"<{names}places_lt|image_folder>" in "".join(output.split())
    assert "label_aware_smoothing" in output
    assert "--mean_radius:" in output
    assert "--[no]resume: Go on with the run that output_dir holds." in output


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--application=mnist", "digits_lt|cifar10_lt|cifar100_lt"),
        ("--method=magic", "must be of crossentropy, logit_adjusted"),
        ("--backend=numpy", "jax|tensorflow|torch"),
        ("--imbalance_factor=0.01", "number >= 1.0"),
        ("--branch=deep", "auto|pooled|block|mixed_pool"),
        ("--training_threshold=1.5", "[0.0, 1.0]"),
        ("--exit_weights=1,much", "must be numbers, with commas"),
        ("--robust_form=both", "stages|joint"),
        ("--radius=large", "sqrt_n|shared|learned|released"),
        ("--robust_lambda=1.5", "[0.0, 1.0]"),
        ("--augmentation=much", "plain|strong"),
        ("--method=", "must be of crossentropy, logit_adjusted"),
        ("--teacher_method=magic", "must be of crossentropy, logit_adjusted"),
        ("--epochs=0", "is not a positive integer"),
        ("--seed=-1", "is not a non-negative integer"),
        ("--logit_temperature=-1", "is not a non-negative number"),
        ("--validation_fraction=0.95", "[0.0, 0.9]"),
    ],
)
def test_wrong_flag_says_what_is_allowed(flag, message):
    words = ["train.py", *RUN, "--output_dir=x", flag]
    with (
        flagsaver.flagsaver(),
        pytest.raises(flags.Error, match=re.escape(message)),
    ):
        flags.FLAGS(words)


def test_unknown_flag_is_refused():
    words = (*RUN, "--output_dir=x", "--learning_rat=1")
    status, output = run_script("train.py", *words)
    assert status != 0
    assert "Unknown command line flag 'learning_rat'" in output
    assert "Traceback" not in output


def rows_of(table):
    return table.read_text().splitlines()[1:]


def wait_until(holds, seconds=300):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("The training did not come to its 2nd epoch.")
        time.sleep(0.02)
