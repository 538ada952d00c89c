import hashlib
import json
import os

import numpy as np
import pytest

from keras_lt import data
from tests.data.image_folder import write_classes

X = np.zeros((40, 2, 2, 1), "uint8")
Y = np.arange(40) % 2


def split(**arguments) -> data.Split:
    return data.from_arrays(X, Y, **({"validation_fraction": 0.1} | arguments))


def test_contents():
    manifest = split(name="toy", seed=3).manifest()
    rows = split(seed=3).train.rows.astype("<i8").tobytes()
    labels = split(seed=3).train.y.astype("<i4").tobytes()
    assert manifest == {
        "format": 1,
        "name": "toy",
        "settings": {"seed": 3, "validation_fraction": 0.1},
        "num_classes": 2,
        "class_names": ["0", "1"],
        "class_counts": [18, 18],
        "parts": {
            "train": {
                "examples": 36,
                "image_shape": [2, 2, 1],
                "rows_sha256": hashlib.sha256(rows).hexdigest(),
                "labels_sha256": hashlib.sha256(labels).hexdigest(),
            },
            "validation": manifest["parts"]["validation"],
        },
    }
    assert manifest["parts"]["validation"]["examples"] == 4


def test_same_split_has_no_differences(tmp_path):
    data.save_manifest(split(), tmp_path / "a.json")
    assert data.compare_manifest(split(), tmp_path / "a.json") == []
    assert os.listdir(tmp_path) == ["a.json"]


def test_seed_may_be_a_number_of_numpy(tmp_path):
    data.save_manifest(split(seed=np.int64(3)), tmp_path / "a.json")
    assert data.compare_manifest(split(seed=3), tmp_path / "a.json") == []


def test_others_may_read_it_as_any_file(tmp_path):
    (tmp_path / "any.json").write_text("{}")
    data.save_manifest(split(), tmp_path / "a.json")
    modes = [
        os.stat(tmp_path / name).st_mode for name in ("any.json", "a.json")
    ]
    assert modes[0] == modes[1]


def test_differences_are_sentences(tmp_path):
    data.save_manifest(split(), tmp_path / "a.json")
    other = split(seed=1, class_names=["cat", "dog"], validation_fraction=0.2)
    found = data.compare_manifest(other, tmp_path / "a.json")
    assert "settings.seed: the manifest has 0, this split 1." in found
    assert (
        "class_names[0] (and 1 more): the manifest has 0, this split cat."
        in found
    )
    assert any(text.startswith("parts.train.rows_sha256:") for text in found)


def test_part_that_is_gone(tmp_path):
    data.save_manifest(split(), tmp_path / "a.json")
    found = data.compare_manifest(
        split(validation_fraction=0.0), tmp_path / "a.json"
    )
    assert (
        "parts.validation.examples: the manifest has 4, this split None."
        in (found)
    )


def test_files_are_told_by_their_paths(tmp_path):
    first, second = (
        data.from_directory(
            write_classes(tmp_path / name, {"cat": count, "dog": 2})
        ).manifest()["parts"]["train"]
        for name, count in (("a", 3), ("b", 3))
    )
    assert first == second
    text = "cat/000.png\ncat/001.png\ncat/002.png\ndog/000.png\ndog/001.png\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert first["rows_sha256"] == digest


@pytest.mark.skipif(os.name == "nt", reason="All names are text there.")
def test_names_of_files_that_are_no_text():
    name = os.fsdecode(b"b\xe9b\xe9.png")
    files = data.ImageFiles([name, "a.png"], (4, 4))
    split = data.Split(data.Examples(files, [0, 1]), ["cat", "dog"])
    digest = hashlib.sha256(b"b\xe9b\xe9.png\na.png\n").hexdigest()
    assert split.manifest()["parts"]["train"]["rows_sha256"] == digest


@pytest.mark.parametrize("text", ["", "[1]", "{", None])
def test_file_that_is_no_manifest(tmp_path, text):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match="of `data.save_manifest`.*a.json"):
        data.compare_manifest(split(), path)


def test_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    data.save_manifest(split(), path)
    before = path.read_text()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        data.save_manifest(split(seed=1), path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["a.json"]
    json.loads(before)
