import pytest

from keras_lt import data
from tests.data.image_folder import write_image


def write_csv(folder, *lines, name="labels.csv"):
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def test_names_and_parts(tmp_path):
    for value, name in enumerate(["a", "b", "c", "d, e"]):
        write_image(tmp_path / "images" / f"{name}.png", 10 * value)
    file = write_csv(
        tmp_path,
        "path, label, split",
        "images/a.png, emu, train",
        "images/b.png, cat, train",
        "images/c.png, cat, Val",
        '"images/d, e.png", emu, test',
    )
    split = data.from_csv(file, image_size=(4, 4))
    assert split.class_names == ["cat", "emu"]
    assert split.train.y.tolist() == [1, 0]
    assert split.validation.x[:].max() == 20
    assert split.test.x[:].max() == 30
    assert split.test.y.tolist() == [1]
    assert split.name == "labels"


def test_numbers_are_class_ids(tmp_path):
    file = write_csv(tmp_path, "label,path", "1,a.png", "0,b.png", "1,c.png")
    split = data.from_csv(file, check_files=False)
    assert split.train.y.tolist() == [1, 0, 1]
    names = ["ten", "nine"]
    split = data.from_csv(file, check_files=False, class_names=names)
    assert split.class_names == names


def test_whole_numbers_with_a_point_are_class_ids(tmp_path):
    lines = [f"{row}.png,{row}.0" for row in range(11)]
    file = write_csv(tmp_path, "path,label", *lines)
    split = data.from_csv(file, check_files=False)
    assert split.train.y.tolist() == list(range(11))


def test_numbers_that_are_names(tmp_path):
    file = write_csv(tmp_path, "path,label", "a.png,1999", "b.png,2001")
    split = data.from_csv(file, check_files=False, class_names=["2001", "1999"])
    assert split.train.y.tolist() == [1, 0]


def test_fractions_and_root(tmp_path):
    lines = [f"{row}.png,{'ab'[row % 2]}" for row in range(40)]
    for row in range(40):
        write_image(tmp_path / "images" / f"{row}.png")
    split = data.from_csv(
        write_csv(tmp_path, "path,label", *lines),
        root=tmp_path / "images",
        validation_fraction=0.1,
        test_fraction=0.2,
    )
    assert [len(part) for part in split.parts().values()] == [28, 4, 8]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["file,label", "a,b"], "no `path` in .*'file,label'.*`path,label`"),
        (["path,label"], "a line or more below"),
        (["path,label", "a.png,"], "a path and a label.*'a.png', '', .*line 2"),
        (["path,label", "a.png"], "a path and a label"),
        (["path,label,split", "a,b,holdout"], "train, val or test.*'holdout'"),
        (
            ["path,label,split", "a,b,test"],
            "must name training images.*only test",
        ),
        (["path,label", "a,0", "b,-1"], "must be 0 or greater"),
        (["path,label", "a,0", "b,2"], "1 of 3 classes without"),
    ],
)
def test_bad_tables(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        data.from_csv(write_csv(tmp_path, *lines), check_files=False)


def test_unknown_class(tmp_path):
    file = write_csv(tmp_path, "path,label", "a.png,cat", "b.png,dgo")
    with pytest.raises(ValueError, match="1 of 2 that are not, first 'dgo'"):
        data.from_csv(file, check_files=False, class_names=["cat", "dog"])


def test_missing_images(tmp_path):
    file = write_csv(tmp_path, "path,label", "a.png,cat", "b.png,dog")
    with pytest.raises(ValueError, match="2 of 2 that do not, first '.*a.png'"):
        data.from_csv(file)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="readable CSV file. .*gone.csv"):
        data.from_csv(tmp_path / "gone.csv")
