"""Accuracy against work: values, tables and files."""

import json
import os

import numpy as np
import pytest

from keras_lt.inference import ExitCurve
from tests.inference.exit_data import by_definition
from tests.inference.exit_data import some_outcomes


def cells(text, title, row):
    """Cells of the row that starts with `row`, in the table under `title`."""
    part = text.split(f"## {title}")[1].split("##")[0]
    line = next(x for x in part.splitlines() if x.startswith(f"| {row} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_points_are_those_of_their_thresholds():
    outcomes = some_outcomes()
    curve = outcomes.curve([0.2, 0.7, 1.0])
    for threshold, point in zip([0.2, 0.7, 1.0], curve.points, strict=True):
        assert point == outcomes.at(threshold)
    rows = [[0.2, 0.9], [1.0, 0.3]]
    assert outcomes.curve(rows).points[1] == outcomes.at([1.0, 0.3])


def test_default_thresholds_span_the_range():
    curve = some_outcomes().curve()
    assert len(curve.points) == 13
    assert curve.points[0].cost == pytest.approx(0.35)
    assert curve.points[-1].cost == pytest.approx(1.001)
    costs = [point.cost for point in curve.points]
    assert costs == sorted(costs)


def test_references():
    """Each exit alone, full depth, and the oracle, by their definitions."""
    outcomes = some_outcomes()
    curve = outcomes.curve()
    correct = outcomes.predictions == outcomes.labels[:, None]
    for k, point in enumerate(curve.exits):
        assert point.accuracy == pytest.approx(correct[:, k].mean())
        assert point.exit_shares[k] == 1
        assert point.thresholds is None
    assert curve.full is curve.exits[-1]
    assert curve.full.scores["few"].accuracy_loss == 0
    first = [
        next((k for k, right in enumerate(row, 1) if right), 3)
        for row in correct.tolist()
    ]
    expected = by_definition(outcomes, np.array(first))
    for mix, values in expected.items():
        found = curve.oracle.scores[mix]
        assert found.accuracy == pytest.approx(values["accuracy"])
        assert found.cost == pytest.approx(values["cost"])
    assert curve.oracle.accuracy == pytest.approx(correct.any(axis=1).mean())


def test_one_exit_has_one_point():
    curve = some_outcomes(exits=1).curve()
    assert len(curve.points) == len(curve.exits) == 1
    assert curve.points[0].scores == curve.full.scores


def test_tables_show_the_values():
    outcomes = some_outcomes()
    curve = outcomes.curve([0.7, 1.0])
    text = str(curve)
    scores = curve.points[0].scores
    mixes = ("all", "balanced", "many", "medium", "few")
    assert cells(text, "Accuracy, %", "0.7")[1:] == [
        f"{100 * scores[mix].accuracy:.1f}" for mix in mixes
    ]
    assert cells(text, "Work saved, %", "0.7")[1:] == [
        f"{100 * (1 - scores[mix].cost):.1f}" for mix in mixes
    ]
    loss = cells(text, "Loss against full depth, points", "0.7")[5]
    few = scores["few"]
    assert loss == (
        f"{100 * few.accuracy_loss:.1f} ± {100 * few.standard_error:.1f}"
    )
    shares = cells(text, "Share that leaves", "0.7")[5]
    assert shares == " / ".join(f"{100 * s:.0f}" for s in few.exit_shares)
    first = cells(text, "Accuracy, %", "all at exit 1")[1]
    assert first == f"{100 * curve.exits[0].accuracy:.1f}"
    assert cells(text, "Work saved, %", "full depth")[1] == "-0.1"
    oracle = cells(text, "Accuracy, %", "oracle")[1]
    assert oracle == f"{100 * curve.oracle.accuracy:.1f}"


def test_groups_without_examples_are_dashes():
    outcomes = some_outcomes(many=1000)
    text = outcomes.curve([0.7]).to_markdown()
    assert cells(text, "Accuracy, %", "0.7")[3] == "-"
    assert "| many" not in outcomes.at(0.7).to_markdown()


def test_point_shows_each_group():
    outcomes = some_outcomes(seconds=[0.001, 0.002, 0.003])
    point = outcomes.at([0.9, 0.75])
    lines = str(point).splitlines()
    assert lines[0] == "Thresholds: 0.9, 0.75."
    head = [cell.strip() for cell in lines[2].strip("|").split("|")]
    few = [cell.strip() for cell in lines[-1].strip("|").split("|")]
    scores = point.scores["few"]
    assert dict(zip(head, few, strict=True)) == {
        "": "few",
        "images": f"{scores.num_examples}",
        "accuracy %": f"{100 * scores.accuracy:.1f}",
        "loss, points": (
            f"{100 * scores.accuracy_loss:.1f} ± "
            f"{100 * scores.standard_error:.1f}"
        ),
        "work %": f"{100 * scores.cost:.1f}",
        "ms an image": f"{1000 * scores.seconds:.3g}",
        "exit 1 %": f"{100 * scores.exit_shares[0]:.1f}",
        "exit 2 %": f"{100 * scores.exit_shares[1]:.1f}",
        "exit 3 %": f"{100 * scores.exit_shares[2]:.1f}",
    }


def test_equal_thresholds_are_shown_once():
    text = some_outcomes().curve([[0.5, 0.5], [0.5, 0.6]]).to_markdown()
    assert cells(text, "Accuracy, %", "0.5")[0] == "0.5"
    assert cells(text, "Accuracy, %", "0.5, 0.6")[0] == "0.5, 0.6"


def test_saved_and_loaded(tmp_path):
    curve = some_outcomes(many=1000, few=3).curve([[0.5, 0.7], [1.0, 1.0]])
    curve.save(tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["exit_curve.json", "exit_curve.md"]
    assert curve.to_markdown() in (folder / "exit_curve.md").read_text("utf-8")
    for path in (folder, folder / "exit_curve.json", str(folder)):
        loaded = ExitCurve.load(path)
        assert loaded.to_dict() == curve.to_dict()
        assert loaded.points == curve.points
        assert loaded.to_markdown() == curve.to_markdown()


def test_values_that_are_no_numbers_are_refused(tmp_path):
    outcomes = some_outcomes()
    object.__setattr__(outcomes, "costs", np.array([0.3, 0.6, np.nan]))
    with pytest.raises(ValueError, match="not JSON compliant"):
        outcomes.curve([0.7]).save(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_failed_save_leaves_the_old_files(tmp_path, monkeypatch):
    some_outcomes(seed=1).curve([0.7]).save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        some_outcomes(seed=2).curve([0.7]).save(tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "other"}', "not json"]
)
def test_files_that_are_no_curve(tmp_path, text):
    (tmp_path / "exit_curve.json").write_text(text)
    with pytest.raises(ValueError, match="must be a curve .* not read"):
        ExitCurve.load(tmp_path)


def test_damaged_file(tmp_path):
    some_outcomes().curve([0.7]).save(tmp_path)
    file = tmp_path / "exit_curve.json"
    values = json.loads(file.read_text())
    del values["points"][0]["scores"]["few"]["accuracy"]
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="Save the curve again"):
        ExitCurve.load(tmp_path)


def test_no_thresholds():
    with pytest.raises(ValueError, match="one value or more"):
        some_outcomes().curve([])
