import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt.data.prepared import find_prepared

tfds = pytest.importorskip("tensorflow_datasets")

COUNT = 200
"""Training images; each holds its own number."""


def arrays() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(5)
    labels = random.permutation(np.repeat(np.arange(10), COUNT // 10))
    images = np.arange(COUNT, dtype="uint8").repeat(32 * 32 * 3)
    return images.reshape(COUNT, 32, 32, 3), labels


def prepare(folder, name="cifar10", file_format="array_record", ids=True):
    """Stores the arrays as TensorFlow Datasets does, in another order."""
    images, labels = arrays()
    features = {
        "image": tfds.features.Image(shape=(32, 32, 3)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    if ids:
        features["id"] = tfds.features.Text()

    def examples(part):
        for row in np.random.RandomState(9).permutation(COUNT):
            example = {"image": images[row], "label": int(labels[row])}
            if ids:
                example["id"] = f"{part}_{row:05}"
            yield int(row), example

    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="3.0.2",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            "train": list(examples("train")),
            "test": list(examples("test")),
        },
        data_dir=folder,
        file_format=file_format,
    )


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_LT_DATA", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_first_order_is_restored(tmp_path, file_format):
    if file_format == "tfrecord":
        pytest.importorskip("tensorflow")
    prepare(tmp_path, file_format=file_format)
    split = data.load("cifar10_lt", imbalance_factor=10, data_dir=tmp_path)
    images, labels = arrays()
    rows = data.long_tailed_rows(labels, 10)
    np.testing.assert_array_equal(split.train.x, images[rows])
    np.testing.assert_array_equal(split.train.y, labels[rows])
    np.testing.assert_array_equal(split.test.x, images)


def test_usual_folder_is_found(tmp_path, monkeypatch):
    prepare(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    split = data.load("cifar10_lt", imbalance_factor=20)
    assert split.class_counts[0] == 20


def test_without_numbers_the_stored_order_counts(tmp_path):
    prepare(tmp_path, name="fashion_mnist", ids=False)
    split = data.load("fashion_mnist_lt", imbalance_factor=1, data_dir=tmp_path)
    _, labels = arrays()
    assert split.class_counts == [20] * 10
    numbers = split.train.x[:, 0, 0, 0]
    assert sorted(numbers) == list(range(COUNT))
    np.testing.assert_array_equal(split.train.y, labels[numbers])


def test_latest_version_is_chosen(tmp_path):
    for version in ("3.0.2", "3.0.10", "incomplete"):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").touch()
    (tmp_path / "cifar10" / "9.0.0").mkdir()
    assert find_prepared("cifar10", tmp_path).name == "3.0.10"
    assert find_prepared("cifar100", tmp_path) is None


def test_nothing_is_read_by_tensorflow_where_that_can_be(tmp_path):
    prepare(tmp_path)
    if keras.config.backend() == "tensorflow":
        pytest.skip("TensorFlow is the backend")
    script = (
        "import sys; from keras_lt import data\n"
        "assert 'tensorflow_datasets' not in sys.modules\n"
        f"data.load('cifar10_lt', imbalance_factor=2, data_dir='{tmp_path}')\n"
        "assert 'tensorflow_datasets' in sys.modules\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ)


def test_tensorflow_leaves_the_gpu_to_the_backend(tmp_path, monkeypatch):
    tf = pytest.importorskip("tensorflow")
    calls = []
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda *devices: calls.append(devices)
    )
    prepare(tmp_path, file_format="tfrecord")
    data.load("cifar10_lt", imbalance_factor=2, data_dir=tmp_path)
    hidden = ([], "GPU") in calls
    assert hidden == (keras.config.backend() != "tensorflow")


def test_without_the_package_the_archive_is_read(tmp_path, monkeypatch):
    prepare(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find_prepared("cifar10", tmp_path) is None
