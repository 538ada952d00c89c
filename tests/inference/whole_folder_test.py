"""A folder is there as a whole, or not at all."""

import os

import pytest

from keras_lt.inference.whole_folder import whole_folder


def write(folder, overwrite=False, text="new"):
    with whole_folder(folder, overwrite, "mark") as partial:
        (partial / "mark").write_text(text)
        (partial / text).mkdir()


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_free_or_empty_folder(tmp_path, there):
    folder = tmp_path / "a" / "b"
    if there:
        folder.mkdir(parents=True)
    write(folder)
    assert contents(folder) == ["mark", "new"]
    assert contents(folder.parent) == ["b"]


def test_others_may_read_it(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "b").mkdir()
    modes = [os.stat(tmp_path / name).st_mode for name in "ab"]
    assert modes[0] == modes[1]


def test_earlier_one_stays_unless_asked(tmp_path):
    write(tmp_path / "a", text="old")
    with pytest.raises(ValueError, match="pass `overwrite=True`"):
        write(tmp_path / "a")
    assert contents(tmp_path / "a") == ["mark", "old"]
    write(tmp_path / "a", overwrite=True)
    assert contents(tmp_path / "a") == ["mark", "new"]
    assert contents(tmp_path) == ["a"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_folder_of_another_kind_stays(tmp_path, overwrite):
    (tmp_path / "photo.jpg").write_text("precious")
    with pytest.raises(ValueError, match="other files and no 'mark'"):
        write(tmp_path, overwrite)
    assert contents(tmp_path) == ["photo.jpg"]


def test_file_in_its_place(tmp_path):
    (tmp_path / "a").write_text("file")
    with pytest.raises(ValueError, match="Received: a file"):
        write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "file"


@pytest.mark.parametrize("earlier", [True, False])
def test_nothing_half_written_stays(tmp_path, earlier):
    folder = tmp_path / "a" / "b"
    if earlier:
        write(folder, text="old")
    with (
        pytest.raises(KeyboardInterrupt),
        whole_folder(folder, True, "mark") as partial,
    ):
        (partial / "mark").write_text("new")
        raise KeyboardInterrupt
    assert contents(tmp_path) == (["a"] if earlier else [])
    if earlier:
        assert contents(folder.parent) == ["b"]
        assert contents(folder) == ["mark", "old"]


def test_earlier_one_comes_back_if_the_last_move_fails(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    write(folder, text="old")
    replace, moves = os.replace, []

    def second_fails(source, target):
        moves.append(source)
        if len(moves) == 2:
            raise OSError("busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OSError, match="busy"):
        write(folder, overwrite=True)
    assert contents(tmp_path) == ["a"]
    assert contents(folder) == ["mark", "old"]
