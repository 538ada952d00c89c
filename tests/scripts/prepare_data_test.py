import io
import json
import tarfile

import numpy as np
import pytest

from keras_lt import data
from scripts.preparation.cifar_binary import read_cifar
from scripts.preparation.sources import read
from tests.scripts.run_script import run_script

FOLDERS = {10: "cifar-10-batches-bin", 100: "cifar-100-binary"}


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def cifar_files(classes, per_file=20):
    """Returns the files of an archive, and the images and labels in them."""
    generator = np.random.default_rng(classes)
    names = ["train.bin", "test.bin"]
    if classes == 10:
        names = [f"data_batch_{i}.bin" for i in range(1, 6)]
        names.append("test_batch.bin")
    files, images, labels = {}, [], []
    for name in names:
        x = generator.integers(0, 256, (per_file, 32, 32, 3), "uint8")
        y = np.arange(per_file, dtype="uint8") % classes
        coarse = np.full((per_file, 1), 99, "uint8")
        # Planes of red, green and blue, each row by row, after the labels.
        parts = [y[:, None], x.transpose(0, 3, 1, 2).reshape(per_file, -1)]
        if classes == 100:
            parts.insert(0, coarse)
        content = np.concatenate(parts, axis=1).tobytes()
        files[f"{FOLDERS[classes]}/{name}"] = content
        images.append(x)
        labels.append(y)
    return files, images, labels


@pytest.mark.parametrize("classes", [10, 100])
def test_binary_cifar_is_read_in_its_order(tmp_path, classes):
    files, images, labels = cifar_files(classes)
    # In another order than that of the parts.
    shuffled = dict(sorted(files.items(), reverse=True))
    write_archive(tmp_path / "a.tar.gz", shuffled)
    arrays = read_cifar(tmp_path / "a.tar.gz")
    *train_images, test_images = images
    *train_labels, test_labels = labels
    expected = np.concatenate(train_images)
    np.testing.assert_array_equal(arrays["x_train"], expected)
    np.testing.assert_array_equal(
        arrays["y_train"], np.concatenate(train_labels)
    )
    np.testing.assert_array_equal(arrays["x_test"], test_images)
    np.testing.assert_array_equal(arrays["y_test"], test_labels)


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"cifar-10-batches-py/data_batch_1": b"\x80"}, "are pickles"),
        ({"photos/a.png": b"x"}, r"one of the folders.*\['photos'\]"),
        ({"cifar-100-binary/train.bin": b"x" * 3074}, "'.*test.bin'.*0 bytes"),
        ({"cifar-100-binary/train.bin": b"x" * 3000}, "Received: 3000 bytes"),
    ],
)
def test_other_archives_are_refused(tmp_path, files, match):
    write_archive(tmp_path / "a.tar.gz", files)
    with pytest.raises(ValueError, match=match):
        read_cifar(tmp_path / "a.tar.gz")


def test_cut_off_archive_is_refused(tmp_path):
    files, _, _ = cifar_files(100)
    path = tmp_path / "a.tar.gz"
    write_archive(path, files)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match="must be a whole .tar.gz"):
        read_cifar(path)


def test_folder_becomes_arrays(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for name, grey in {"cat": 10, "dog": 200}.items():
        (tmp_path / name).mkdir()
        for index in range(5):
            image = image_module.new("RGB", (9, 7), (grey, grey, grey))
            image.save(tmp_path / name / f"{index}.png")
    arrays = read(
        str(tmp_path), image_size=6, test_fraction=0.2, seed=0, data_dir=None
    )
    assert arrays["x_train"].shape == (8, 6, 6, 3)
    assert arrays["x_train"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["y_test"], [0, 1])
    assert np.unique(arrays["x_test"][1]).tolist() == [200]
    assert arrays["class_names"].tolist() == ["cat", "dog"]


def test_folder_of_validation_images_is_not_left_out(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(5):
                image = image_module.new("RGB", (6, 6))
                image.save(tmp_path / part / name / f"{index}.png")
    with pytest.raises(ValueError, match="Call that one `test`"):
        read(
            str(tmp_path),
            image_size=6,
            test_fraction=0.2,
            seed=0,
            data_dir=None,
        )


@pytest.mark.parametrize("source", ["missing.tar.gz", "tfds:nothing"])
def test_missing_source_is_named(tmp_path, source):
    with pytest.raises(ValueError, match=source.removeprefix("tfds:")):
        read(
            source,
            image_size=6,
            test_fraction=0.2,
            seed=0,
            data_dir=str(tmp_path),
        )


def test_script_writes_data_and_manifest(tmp_path):
    files, images, _ = cifar_files(10)
    write_archive(tmp_path / "a.tar.gz", files)
    flags = (
        f"--from={tmp_path / 'a.tar.gz'}",
        f"--output={tmp_path / 'cifar10.npz'}",
        "--application=cifar10_lt",
        "--imbalance_factor=5",
        f"--data_dir={tmp_path}",
        f"--write_manifest={tmp_path / 'm.json'}",
        f"--check_manifest={tmp_path / 'm.json'}",
    )
    status, output = run_script("prepare_data.py", *flags)
    assert status == 0, output
    assert "x_train (100, 32, 32, 3)" in output
    assert "the split is the same" in output
    split = data.load("cifar10_lt", imbalance_factor=5, data_dir=tmp_path)
    manifest = json.loads((tmp_path / "m.json").read_text())
    assert manifest["class_counts"] == split.class_counts
    np.testing.assert_array_equal(split.test.x, images[-1])


def test_script_without_a_task_says_what_to_give():
    status, output = run_script("prepare_data.py")
    assert status != 0
    assert "Nothing to do: give --from" in output
