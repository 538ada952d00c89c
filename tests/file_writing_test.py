"""Files that are there whole, or as they were."""

import os

import pytest

from keras_lt.file_writing import replacing
from keras_lt.file_writing import write_files


def test_a_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.keras"
    path.write_text("old")
    with replacing(str(path)) as partial:
        assert partial.suffix == ".keras" and partial.parent == tmp_path
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.keras"]


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_two_writers_of_a_file_do_not_meet(tmp_path):
    path = tmp_path / "a.json"
    with replacing(path) as one, replacing(path) as two:
        one.write_text("one")
        two.write_text("two")
        assert one != two
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_in_the_place_of_a_file_stops_it_before_the_first(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.md").mkdir()

    def write(folder):
        for name in ("a.txt", "b.md", "c.json"):
            (folder / name).write_text("new")

    with pytest.raises(ValueError, match=r"Received: the folder '.*b\.md'"):
        write_files(tmp_path, write)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.md"]
