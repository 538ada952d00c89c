import gzip

import numpy as np
import pytest

from keras_lt import data
from keras_lt.data.file_parts import missing_files
from tests.data.image_folder import write_image

LINES = ["cat/a b.png 0", "dog/1.png 1", "", "cat/2.png\t0 ", "dog/3.png 1"]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "images"
    for value, name in enumerate(["cat/a b", "dog/1", "cat/2", "dog/3"]):
        write_image(folder / f"{name}.png", 10 * value)
    return folder


def write_list(folder, name="train.txt", lines=LINES):
    text = "\n".join(lines) + "\n"
    opener = gzip.open if name.endswith(".gz") else open
    with opener(folder / name, "wt") as file:
        file.write(text)
    return folder / name


@pytest.mark.parametrize("name", ["train.txt", "train.txt.gz"])
def test_lists(tmp_path, root, name):
    train = write_list(tmp_path, name)
    for name, place in (("cat/4", 40), ("dog/5", 50)):
        write_image(root / f"{name}.png", place)
    held_out = ["cat/4.png 0", "dog/5.png 1"]
    val = write_list(tmp_path, "val.txt", held_out)
    split = data.from_list(train, val, root=root, image_size=(4, 4))
    assert split.train.y.tolist() == [0, 1, 0, 1]
    assert split.train.x[:][:, 0, 0, 0].tolist() == [0, 10, 20, 30]
    assert split.validation.x[:][:, 0, 0, 0].tolist() == [40, 50]
    assert split.test is None
    assert split.class_names == ["0", "1"]
    assert split.train.x.shape == (4, 4, 4, 3)


def test_nothing_is_trained_on_and_judged_on(tmp_path, root):
    train = write_list(tmp_path)
    test = write_list(tmp_path, "test.txt", ["./dog/1.png 1"])
    match = "dog/1.png' in 'train' and in 'test'"
    with pytest.raises(ValueError, match=match):
        data.from_list(train, None, test, root=root)
    twice = write_list(tmp_path, lines=[*LINES, "dog/../dog/1.png 1"])
    assert data.from_list(twice, root=root).class_counts == [2, 3]
    with pytest.raises(ValueError, match="'dog/1.png' twice"):
        data.from_list(twice, root=root, validation_fraction=0.5)


def test_ids_of_a_database_are_no_labels(tmp_path, root):
    train = write_list(tmp_path, lines=[*LINES, "elk/1.png 2000000000"])
    match = "label 2000000000 with 5 training examples"
    with pytest.raises(ValueError, match=match):
        data.from_list(train, root=root, check_files=False)


def test_missing_images_are_counted_and_the_first_is_named(tmp_path, root):
    lines = [*LINES, "dog/gone.png 1", "elk/gone.png 1"]
    train = write_list(tmp_path, lines=lines)
    with pytest.raises(ValueError, match="2 of 6 that do not.*dog/gone.png'"):
        data.from_list(train, root=root)
    split = data.from_list(train, root=root, check_files=False)
    assert split.class_counts == [2, 4]
    with pytest.raises(ValueError, match="must exist. Received: .*gone.png"):
        split.train.x[:]


def test_class_whose_only_image_is_broken_is_named(tmp_path, root):
    (root / "elk.png").write_bytes(b"text")
    train = write_list(tmp_path, lines=[*LINES, "elk.png 2"])
    with (
        pytest.warns(UserWarning, match="1 of 5 train images .* left out"),
        pytest.raises(ValueError, match="1 of 3 classes without.*label 2"),
    ):
        data.from_list(train, root=root, broken_images="skip")


def test_list_may_begin_with_a_mark_of_its_encoding(tmp_path, root):
    train = write_list(tmp_path, lines=["\ufeffcat/2.png 0", "dog/3.png 1"])
    assert data.from_list(train, root=root).class_counts == [1, 1]


def test_missing_files_in_their_order(root):
    paths = ["z/1", "dog/1.png", "a/1", "dog/9.png", str(root / "cat/2.png")]
    assert missing_files(str(root), paths) == ["z/1", "a/1", "dog/9.png"]


@pytest.mark.parametrize(
    "line, message",
    [
        ("cat/2.png", "a path, a space and a label.*'cat/2.png' in line 2"),
        ("7", "a path, a space and a label"),
        ("cat/2.png cat", "Received: 'cat/2.png cat' in line 2.*from_csv"),
        ("cat/2.png 1.0", "a whole number"),
    ],
)
def test_line_that_cannot_be_understood(tmp_path, line, message):
    train = write_list(tmp_path, lines=["cat/2.png 0", line])
    with pytest.raises(ValueError, match=message):
        data.from_list(train, check_files=False)


def test_bad_labels(tmp_path):
    for labels, message in {
        (0, -1): "`train labels` must be 0 or greater. Received: -1 at row 1",
        (0, 2): "1 of 3 classes without, first label 1",
        (0, 0): "two classes or more",
    }.items():
        lines = [f"{row}.png {label}" for row, label in enumerate(labels)]
        train = write_list(tmp_path, lines=lines)
        with pytest.raises(ValueError, match=message):
            data.from_list(train, check_files=False)


def test_label_beyond_the_class_names(tmp_path):
    train = write_list(tmp_path)
    val = write_list(tmp_path, "val.txt", ["a.png 2"])
    with pytest.raises(ValueError, match="`validation labels` must be below"):
        data.from_list(train, val, class_names=["a", "b"], check_files=False)


@pytest.mark.parametrize("name", ["gone.txt", "plain.gz", "empty.txt"])
def test_file_that_cannot_be_read(tmp_path, name):
    (tmp_path / "plain.gz").write_text("cat/2.png 0\n")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ValueError, match=f"A list must.*{name}"):
        data.from_list(tmp_path / name)


def test_held_out_slice(tmp_path):
    lines = [f"{row}.png {row % 2}" for row in range(40)]
    train = write_list(tmp_path, lines=lines)
    split = data.from_list(train, validation_fraction=0.25, check_files=False)
    assert split.class_counts == [15, 15]
    assert np.bincount(split.validation.y).tolist() == [5, 5]
