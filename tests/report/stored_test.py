"""Reports as files: complete, or not there."""

import json
import pathlib

import numpy as np
import pytest

from keras_lt import report
from tests.report.cards import card

HISTORY = {"loss": [1.0, float("nan")], "val_many": [0.1, 0.2]}
FILES = {
    "accuracy_along_tail.png",
    "confusion_matrix.png",
    "reliability.png",
    "report.json",
    "report.md",
    "training_curves.png",
}


def names(folder):
    return {file.name for file in pathlib.Path(folder).iterdir()}


def test_round_trip(tmp_path):
    first = card(history=HISTORY, meta={"epochs": 3}, name="a|b $x$\nc")
    first.save(tmp_path / "new" / "report")
    assert names(tmp_path / "new" / "report") == FILES
    for path in ("report", "report/report.json"):
        again = report.load(tmp_path / "new" / path)
        assert again.to_dict() == first.to_dict()
        assert again.to_markdown() == first.to_markdown()
    assert again.history["loss"] == [1.0, None]
    assert again.meta["epochs"] == 3
    for name in ("labels", "predictions", "confidences", "losses", "in_top_5"):
        np.testing.assert_array_equal(
            getattr(again.outcomes, name), getattr(first.outcomes, name)
        )
    text = (tmp_path / "new" / "report" / "report.md").read_text()
    assert text.startswith("# a\\|b $x$ c\n")
    assert "](reliability.png)" in text


def test_json_holds_what_plots_need():
    first = card()
    values = json.loads(first.to_json())
    assert sum(values["confusions"]["count"]) == 400
    assert values["reliability"]["few"]["counts"] == list(
        first.reliability["few"].counts
    )
    assert values["scores"] == first.scores
    assert values["classes"]["accuracies"] == first.class_accuracies
    assert "history" in values
    assert "NaN" not in first.to_json()


def fail(*args, **kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize(
    ("culprit", "plots"),
    [
        ("pathlib.Path.write_text", False),
        ("matplotlib.figure.Figure.savefig", True),
    ],
)
def test_full_disk_leaves_nothing(
    tmp_path, monkeypatch, culprit, plots, there_before
):
    folder = tmp_path / "runs" / "a"
    if there_before:
        card().save(folder, plots=False)
        before = {file: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(culprit, fail)
    with pytest.raises(OSError, match="No space left"):
        card(seed=5).save(folder, plots=plots)
    monkeypatch.undo()
    if there_before:
        after = {file: file.read_bytes() for file in folder.iterdir()}
        assert after == before
    else:
        assert names(tmp_path) == set()


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "model.txt").write_text("mine")
    card().save(tmp_path, plots=False)
    assert names(tmp_path) == {"model.txt", "report.json", "report.md"}


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "report").write_text("mine")
    with pytest.raises(ValueError, match="`folder` must be a folder"):
        card().save(tmp_path / "report", plots=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "keras_lt.report/1"}',
        '{"format": "keras_lt.report/99"}',
    ],
)
def test_other_files_do_not_load(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match="must be a report that"):
        report.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("number", 401), ("number", 0), ("labels", {"data": "AAAA!"})],
)
def test_damaged_examples_do_not_load(tmp_path, key, value):
    values = card().to_dict()
    values["examples"][key] = value
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="must be a report that"):
        report.load(tmp_path)


def test_labels_of_other_classes_do_not_load(tmp_path):
    values = card().to_dict()
    for key in ("names", "counts"):
        values["classes"][key] = values["classes"][key][:4]
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="not of 4 classes"):
        report.load(tmp_path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        report.load(tmp_path / "nothing")
