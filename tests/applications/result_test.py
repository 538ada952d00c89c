import importlib
import json
import subprocess
import types

import keras
import numpy as np
import pytest

from applications import find_recipe
from applications import judging
from applications import provenance
from applications import run_folder
from applications.files import write_json
from applications.result import Result
from applications.run_folder import RunFolder
from applications.settings import Settings
from keras_lt import data

RESUMED = {"resume": True}


def split(**changes):
    examples = data.Examples(np.zeros((5, 2, 2, 1)), np.array([0, 0, 0, 1, 1]))
    rows = {"train": [0, 3], "validation": [1], "test": [2, 4], **changes}
    parts = {name: examples.take(row) for name, row in rows.items()}
    return data.Split(class_names=["cat", "dog"], **parts)


def test_folder_of_a_run_is_not_taken_over(tmp_path):
    settings = Settings(output_dir=str(tmp_path))
    first = RunFolder.open("digits_lt", settings, split())
    with pytest.raises(ValueError, match="Add --resume"):
        RunFolder.open("digits_lt", settings, split())
    again = Settings(output_dir=str(tmp_path), resume=True)
    found = RunFolder.open("digits_lt", again, split()).provenance
    found.pop("resumed")
    assert found == first.provenance


def test_resumed_run_says_with_what_it_went_on(tmp_path, monkeypatch):
    started = provenance.provenance()
    for commit, flags in (("a", {}), ("b", RESUMED), ("c", RESUMED)):
        now = {**started, "commit": commit}
        monkeypatch.setattr(run_folder, "provenance", lambda now=now: now)
        settings = Settings(output_dir=str(tmp_path), **flags)
        folder = RunFolder.open("digits_lt", settings, split())
    assert folder.provenance["commit"] == "a"
    commits = [one["commit"] for one in folder.provenance["resumed"]]
    assert commits == ["b", "c"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 1}, "Received: seed=1; .* has 0"),
        ({"method": ("focal",)}, r"Received: method=\['focal'\]"),
    ],
)
def test_resumed_run_keeps_its_settings(tmp_path, change, match):
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)), split())
    settings = Settings(output_dir=str(tmp_path), resume=True, **change)
    with pytest.raises(ValueError, match=match):
        RunFolder.open("digits_lt", settings, split())


@pytest.mark.parametrize(
    ("name", "other"), [("backend", "numpy"), ("dtype_policy", "float16")]
)
def test_resumed_run_keeps_backend_and_precision(
    tmp_path, monkeypatch, name, other
):
    started = {**provenance.provenance(), name: other}
    monkeypatch.setattr(run_folder, "provenance", lambda: started)
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)), split())
    settings = Settings(output_dir=str(tmp_path), resume=True)
    with pytest.raises(ValueError, match=f"Received: {name}=.*has '{other}'"):
        RunFolder.open("digits_lt", settings, split())


def test_resumed_run_keeps_its_application(tmp_path):
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)), split())
    settings = Settings(output_dir=str(tmp_path), resume=True)
    with pytest.raises(ValueError, match="has 'digits_lt'"):
        RunFolder.open("cifar10_lt", settings, split())


def test_resumed_run_keeps_its_images(tmp_path):
    RunFolder.open("digits_lt", Settings(output_dir=str(tmp_path)), split())
    settings = Settings(output_dir=str(tmp_path), resume=True)
    RunFolder.open("digits_lt", settings, split())
    for part, rows in {
        "train": {"train": [1, 3]},
        "validation": {"validation": [0]},
        "test": {"test": [2, 3]},
    }.items():
        with pytest.raises(ValueError, match=f"Received: other {part} images"):
            RunFolder.open("digits_lt", settings, split(**rows))


def test_resumed_run_keeps_the_runs_it_started_from(tmp_path):
    origins = [{"folder": "teacher_1", "date": "2026-11-28", "seed": 100}]
    settings = Settings(output_dir=str(tmp_path))
    RunFolder.open("digits_lt", settings, split(), origins)
    settings = Settings(output_dir=str(tmp_path), resume=True)
    RunFolder.open("digits_lt", settings, split(), origins)
    later = [{**origins[0], "date": "2026-11-29"}]
    match = "Received: .*2026-11-29.* started from .*2026-11-28"
    with pytest.raises(ValueError, match=match):
        RunFolder.open("digits_lt", settings, split(), later)
    start = json.loads((tmp_path / "settings.json").read_text())
    del start["origins"]  # As in folders from before.
    (tmp_path / "settings.json").write_text(json.dumps(start))
    RunFolder.open("digits_lt", settings, split(), later)


def test_settings_come_back_from_json():
    settings = Settings(method=("ldam", "drw"), image_size=(32, 48), seed=3)
    stored = json.loads(json.dumps(settings.what_is_trained()))
    assert Settings.from_json(stored) == settings


EXITS = {
    "exits": ("stage_1",),
    "branch": "pooled",
    "threshold": 0.8,
    "training_threshold": 1.0,
    "exit_weights": (1.0, 1.0, 2.0),
    "trunk_gradient": 0.5,
    "max_accuracy_loss": 0.01,
}


@pytest.mark.parametrize("name", sorted(EXITS))
def test_choices_of_exits_go_with_exits_only(name):
    choice = {name: EXITS[name]}
    found = Settings(method=("exit_distillation",), **choice)
    assert getattr(found, name) == EXITS[name]
    match = f"method `elf`. Received: {name}=.* with the method 'focal,drw'"
    with pytest.raises(ValueError, match=match):
        Settings(method=("focal", "drw"), **choice)


def test_results_with_exits_that_had_no_effect_are_read():
    stored = Settings(method=("focal",), seed=3).what_is_trained()
    stored |= {"exits": ["stage_1"], "threshold": 0.8}
    assert Settings.from_json(stored) == Settings(method=("focal",), seed=3)
    stored |= {"method": ["elf"]}
    found = Settings.from_json(stored)
    assert (found.exits, found.threshold) == (("stage_1",), 0.8)


@pytest.mark.parametrize("application", ["cifar100_lt", "digits_lt"])
@pytest.mark.parametrize(
    "choice",
    [
        {"backbone": "resnet20"},
        {"pretrained": True},
        {"pretrained_weights": "a.weights.h5"},
        {"image_size": (64, 64)},
    ],
    ids=str,
)
def test_network_of_a_recipe_is_not_chosen(application, choice, tmp_path):
    (name,) = choice
    settings = Settings(**choice, output_dir=str(tmp_path / "run"))
    match = f"`{name}` must be left out.*Received: .* for {application}"
    with pytest.raises(ValueError, match=match):
        find_recipe(application).run(settings)
    assert not list(tmp_path.iterdir())


def test_curves_hold_what_json_does(tmp_path):
    rows = [{"stage": "a", "epoch": 0, "seconds": 1.0, "loss": float("nan")}]
    rows.append({**rows[0], "loss": 0.1234567, "val_loss": float("inf")})
    result = Result("a", None, Settings(), None, {}, rows, None)
    assert result.curves == {"loss": [None, 0.12346], "val_loss": [None, None]}
    write_json(tmp_path / "a.json", result.curves)


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
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = json.loads(json.dumps(provenance.provenance()))
    assert found["hardware"]["threads"] == 3
    assert found["versions"]["keras"]
    assert found["hardware"]["cpu_count"] >= 1
    assert found["hardware"]["devices"]
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None


def test_accelerators_are_called_by_their_names(monkeypatch):
    backend = keras.config.backend()
    library = importlib.import_module(backend)
    name = "NVIDIA H200"
    if backend == "torch":
        monkeypatch.setattr(library.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(library.cuda, "get_device_name", lambda i: name)
    elif backend == "jax":
        device = types.SimpleNamespace(platform="gpu", device_kind=name)
        monkeypatch.setattr(library, "devices", lambda: [device] * 2)
    else:
        config = library.config
        device = types.SimpleNamespace(name="/physical_device:GPU:0")
        monkeypatch.setattr(
            config, "list_physical_devices", lambda kind: [device] * 2
        )
        monkeypatch.setattr(
            config.experimental,
            "get_device_details",
            lambda device: {"device_name": name},
        )
    assert provenance.hardware()["devices"] == [name] * 2


def test_results_that_are_kept_do_not_change_the_commit(tmp_path, monkeypatch):
    names = ["applications/a/results/a.json", "applications/a/recipe.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def git(*words):
        user = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *user, *words], cwd=tmp_path, check=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Start")
    own = tmp_path / "applications" / "provenance.py"
    monkeypatch.setattr(provenance, "__file__", str(own))
    head = provenance.commit()
    assert len(head) == 40
    (tmp_path / names[0]).write_text("{}")
    assert provenance.commit() == head
    (tmp_path / names[1]).write_text("changed")
    assert provenance.commit() == f"{head}+"


@pytest.mark.parametrize(
    ("commit", "short"),
    [("0123456789", "0123456"), ("0123456789+", "0123456+"), (None, "unknown")],
)
def test_pages_say_where_files_differed_from_a_commit(commit, short):
    assert provenance.short_commit(commit) == short


def test_run_that_is_not_finished_is_not_judged(tmp_path):
    match = "must be the output folder of a training that is finished"
    with pytest.raises(ValueError, match=match):
        judging.judge(tmp_path)
