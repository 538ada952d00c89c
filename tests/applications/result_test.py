import json

import pytest

from applications import judging
from applications import provenance
from applications.files import write_json
from applications.run_folder import RunFolder
from applications.settings import Settings


def test_folder_of_a_run_is_not_taken_over(tmp_path):
    settings = Settings(output_dir=str(tmp_path))
    first = RunFolder.open("digits_lt", settings)
    with pytest.raises(ValueError, match="Add --resume"):
        RunFolder.open("digits_lt", settings)
    again = Settings(output_dir=str(tmp_path), resume=True)
    assert RunFolder.open("digits_lt", again).provenance == first.provenance


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 1}, "Received: seed=1; .* has 0"),
        ({"method": ("focal",)}, r"Received: method=\['focal'\]"),
    ],
)
def test_resumed_run_keeps_its_settings(tmp_path, change, match):
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)))
    settings = Settings(output_dir=str(tmp_path), resume=True, **change)
    with pytest.raises(ValueError, match=match):
        RunFolder.open("digits_lt", settings)


def test_resumed_run_keeps_its_application(tmp_path):
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)))
    settings = Settings(output_dir=str(tmp_path), resume=True)
    with pytest.raises(ValueError, match="has 'digits_lt'"):
        RunFolder.open("cifar10_lt", settings)


def test_settings_come_back_from_json():
    settings = Settings(method=("ldam", "drw"), image_size=(32, 48), seed=3)
    stored = json.loads(json.dumps(settings.what_is_trained()))
    assert Settings.from_json(stored) == settings


def test_json_has_a_line_for_each_entry(tmp_path):
    content = {"scores": {"few": 0.5}, "counts": [3, 2, 1], "tau": None}
    write_json(tmp_path / "deep" / "a.json", content)
    text = (tmp_path / "deep" / "a.json").read_text()
    assert json.loads(text) == content
    assert len(text.splitlines()) == 5


def test_failed_write_leaves_what_was_there(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_provenance_can_be_kept(monkeypatch):
    found = json.loads(json.dumps(provenance.provenance()))
    assert found["versions"]["keras"]
    assert found["hardware"]["cpu_count"] >= 1
    assert found["hardware"]["devices"]
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None


def test_run_that_is_not_finished_is_not_judged(tmp_path):
    match = "must be the output folder of a training that is finished"
    with pytest.raises(ValueError, match=match):
        judging.judge(tmp_path)
