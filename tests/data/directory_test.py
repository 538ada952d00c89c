import numpy as np
import pytest

from keras_lt import data
from tests.data.image_folder import write_classes
from tests.data.image_folder import write_image


def counts_of(split: data.Split) -> dict[str, list[int]]:
    parts = split.parts().items()
    return {name: np.bincount(part.y).tolist() for name, part in parts}


def test_folder_per_class(tmp_path):
    write_classes(tmp_path, {"cat": 20, "dog": 10, "emu": 1})
    split = data.from_directory(tmp_path, image_size=(4, 6))
    assert split.class_names == ["cat", "dog", "emu"]
    assert split.class_counts == [18, 9, 1]
    assert np.bincount(split.validation.y).tolist() == [2, 1]
    assert split.test is None
    assert split.train.x.shape == (28, 4, 6, 3)
    batch = split.train.x[np.arange(28)]
    np.testing.assert_array_equal(batch[:, 0, 0, 0] // 40, split.train.y)


def test_fractions_are_of_the_whole(tmp_path):
    write_classes(tmp_path, {"cat": 40, "dog": 20})
    split = data.from_directory(
        tmp_path, validation_fraction=0.2, test_fraction=0.5
    )
    assert counts_of(split) == {
        "train": [12, 6],
        "validation": [8, 4],
        "test": [20, 10],
    }
    paths = [path for part in split.parts().values() for path in part.x.paths]
    assert len(set(paths)) == 60


def test_folders_of_parts(tmp_path):
    for part, counts in {
        "train": {"cat": 5, "dog": 3},
        "val": {"cat": 2, "dog": 1},
        "Test": {"dog": 4},
    }.items():
        write_classes(tmp_path / part, counts)
    split = data.from_directory(tmp_path, validation_fraction=0.5)
    assert counts_of(split) == {
        "train": [5, 3],
        "validation": [2, 1],
        "test": [0, 4],
    }


def test_part_in_two_folders_is_refused(tmp_path):
    for part in ("train", "val", "valid"):
        write_classes(tmp_path / part, {"cat": 1, "dog": 1})
    with pytest.raises(ValueError, match="Received: train, val, valid in"):
        data.from_directory(tmp_path)


@pytest.mark.parametrize(
    "parts", ["dev, train", "train, unlabeled, val", "test_set, training_set"]
)
def test_part_of_an_unknown_name_is_no_class(tmp_path, parts):
    for part in parts.split(", "):
        write_classes(tmp_path / part, {"cat": 1, "dog": 1})
    with pytest.raises(
        ValueError, match=f"Received: {parts} in .*Name the parts train, val"
    ):
        data.from_directory(tmp_path)


def test_classes_called_like_parts_are_classes(tmp_path):
    write_classes(tmp_path, {"train": 2, "bus": 2})
    write_image(tmp_path / "bus" / "night" / "7.png")
    write_image(tmp_path / "train" / "night" / "7.png")
    assert data.from_directory(tmp_path).class_names == ["bus", "train"]


def test_numbered_classes_are_in_the_order_of_numbers(tmp_path):
    write_classes(tmp_path, {"10": 1, "9": 1, "1": 1})
    assert data.from_directory(tmp_path).class_names == ["1", "9", "10"]


def test_hidden_files_and_deeper_folders(tmp_path):
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    write_image(tmp_path / "cat" / "roof" / "night" / "7.JPG")
    for name in (".DS_Store", "cat/Thumbs.db", "dog/.cache"):
        (tmp_path / name).touch()
    split = data.from_directory(tmp_path, validation_fraction=0)
    assert split.class_counts == [3, 2]
    assert split.train.x[:].shape == (5, 64, 64, 3)


def test_links_to_folders_are_followed(tmp_path):
    write_classes(tmp_path / "photos", {"cat": 2, "dog": 2})
    write_image(tmp_path / "elsewhere" / "7.png")
    (tmp_path / "photos" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    split = data.from_directory(tmp_path / "photos", validation_fraction=0)
    assert split.class_counts == [3, 2]
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "photos" / "cat")
    with pytest.raises(ValueError, match="each folder once.*cat/more/up'"):
        data.from_directory(tmp_path / "photos")


@pytest.mark.parametrize("place", ["notes.txt", "cat/notes.txt"])
def test_stray_file_is_named(tmp_path, place):
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / place).write_text("not an image")
    with pytest.raises(
        ValueError, match=f'images only.*{place}.*`stray_files="ignore"`'
    ):
        data.from_directory(tmp_path)
    split = data.from_directory(tmp_path, stray_files="ignore")
    assert split.class_counts == [2, 2]


def test_empty_class_is_named(tmp_path):
    write_classes(tmp_path, {"cat": 2, "dog": 2})
    (tmp_path / "emu").mkdir()
    with pytest.raises(ValueError, match="an image or more.*emu' without ima"):
        data.from_directory(tmp_path)


def test_class_of_another_part_is_unknown(tmp_path):
    write_classes(tmp_path / "train", {"cat": 2, "dog": 2})
    write_classes(tmp_path / "val", {"emu": 2})
    with pytest.raises(ValueError, match="must have training images.*val/emu"):
        data.from_directory(tmp_path)


@pytest.mark.parametrize("policy", ["raise", "check", "skip"])
def test_broken_image(tmp_path, policy):
    write_classes(tmp_path, {"cat": 3, "dog": 2})
    (tmp_path / "cat" / "001.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    options = {"validation_fraction": 0, "broken_images": policy}
    if policy == "raise":
        split = data.from_directory(tmp_path, **options)
        with pytest.raises(ValueError, match="whole image.*cat/001.png"):
            split.train.x[:]
    elif policy == "check":
        with pytest.raises(ValueError, match="1 of 5 train images.*cat/001"):
            data.from_directory(tmp_path, **options)
    else:
        with pytest.warns(UserWarning, match="1 of 5 train images.*left out"):
            split = data.from_directory(tmp_path, **options)
        assert split.class_counts == [2, 2]
        assert split.train.x[:].shape == (4, 64, 64, 3)


def test_one_class_only(tmp_path):
    write_classes(tmp_path, {"cat": 3})
    with pytest.raises(ValueError, match="two classes or more.*'cat'"):
        data.from_directory(tmp_path)


def test_no_classes(tmp_path):
    with pytest.raises(ValueError, match="which holds no folders"):
        data.from_directory(tmp_path)
    with pytest.raises(ValueError, match="gone', which is not a folder"):
        data.from_directory(tmp_path / "gone")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"stray_files": "skip"}, "one of 'raise', 'ignore'"),
        ({"broken_images": "ignore"}, "one of 'raise', 'check', 'skip'"),
        (
            {"validation_fraction": 0.5, "test_fraction": 0.5},
            "leave images to train on. Received: 0.5 and 0.5",
        ),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    write_classes(tmp_path, {"cat": 3, "dog": 3})
    with pytest.raises(ValueError, match=message):
        data.from_directory(tmp_path, **arguments)


def test_reading_options(tmp_path):
    write_classes(tmp_path, {"cat": 3, "dog": 3})
    split = data.from_directory(tmp_path, color="grayscale", num_threads=1)
    assert split.train.x.shape == (6, 64, 64, 1)
