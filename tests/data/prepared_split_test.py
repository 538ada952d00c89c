"""Data of TensorFlow Datasets, by row and without decoding for the labels."""

import os
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import samplers
from keras_lt.data import _label_cache
from keras_lt.data import decoding
from tests.data.prepared_folder import prepare

tfds = pytest.importorskip("tensorflow_datasets")

TRAIN = np.repeat([0, 1, 2], [20, 6, 2])
PARTS = {
    "train": TRAIN,
    "validation": np.array([2, 0, 1]),
    "test": np.array([-1, -1]),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare(folder, "i_naturalist2018", PARTS, num_classes=3)
    return folder


@pytest.fixture
def data_dir(stored, tmp_path):
    """A copy by links, where labels have not been kept yet."""
    for path in stored.rglob("*-of-*"):
        place = tmp_path / path.relative_to(stored)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(path)
    for path in stored.rglob("*.json"):
        (tmp_path / path.relative_to(stored)).write_bytes(path.read_bytes())
    return tmp_path


def load(data_dir, **options):
    options = {"image_size": (8, 8), "validation": "validation", **options}
    return data.from_tfds("i_naturalist2018", data_dir=data_dir, **options)


def colors(examples, rows=slice(None)):
    return examples.x[rows][:, 4, 4, 1]


def test_labels_without_names_are_named_by_the_caller(data_dir, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delattr(tfds.features.ClassLabel, "names")
        with pytest.raises(ValueError, match="'label', a ClassLabel. Pass a"):
            load(data_dir)
        split = load(data_dir, class_names=["a", "b", "c"])
    assert split.class_names == ["a", "b", "c"]


def test_labels_belong_to_their_images(data_dir):
    split = load(data_dir)
    assert split.class_counts == [20, 6, 2]
    assert split.name == "i_naturalist2018"
    assert split.class_names == ["0", "1", "2"]
    numbers = np.rint(colors(split.train)).astype(int)
    assert sorted(numbers.tolist()) == list(range(28))
    np.testing.assert_array_equal(split.train.y, TRAIN[numbers])
    np.testing.assert_array_equal(
        split.validation.y, PARTS["validation"][colors(split.validation)]
    )
    assert split.test is None
    assert split.train.x.shape == (28, 8, 8, 3)


def test_any_sampler_reads_by_row(data_dir):
    split = load(data_dir)
    batches = data.Batches(
        split.train,
        batch_size=14,
        sampler=samplers.ClassBalanced(),
        transform=data.transforms.RandomResizedCrop(),
        num_threads=2,
    )
    rows = batches.rows(0)
    for index in range(2):
        images, labels = batches[index]
        own = rows[14 * index : 14 * (index + 1)]
        np.testing.assert_array_equal(labels, split.train.y[own])
        found = images[:, 4, 4, 1].astype(int)
        np.testing.assert_array_equal(found, colors(split.train, own))


def test_labels_are_read_once_and_no_image_is_decoded(data_dir, monkeypatch):
    monkeypatch.setattr(decoding, "read_image", None)
    calls = []
    read = _label_cache._read
    monkeypatch.setattr(
        _label_cache, "_read", lambda *a: calls.append(a) or read(*a)
    )
    first = load(data_dir, validation=None)
    assert len(calls) == 1
    second = load(data_dir, validation=None)
    assert len(calls) == 1
    np.testing.assert_array_equal(first.train.y, second.train.y)
    kept = next(data_dir.rglob("keras_lt_train_label.npz"))
    for count, size in ((2, 100), (3, 0)):
        # Not a whole file any more.
        kept.write_bytes(kept.read_bytes()[:size])
        third = load(data_dir, validation=None)
        assert len(calls) == count
        np.testing.assert_array_equal(first.train.y, third.train.y)
    assert not list(data_dir.rglob("*.tmp"))


def test_labels_of_other_records_are_not_taken(data_dir, tmp_path_factory):
    load(data_dir, validation=None)
    other = tmp_path_factory.mktemp("other")
    labels = {"train": TRAIN[::-1][:26]}
    folder = prepare(other, "i_naturalist2018", labels, num_classes=3)
    kept = next(data_dir.rglob("keras_lt_train_label.npz"))
    (folder / kept.name).write_bytes(kept.read_bytes())
    assert load(other, validation=None).class_counts == [18, 6, 2]


def test_labels_can_be_kept_elsewhere(data_dir, tmp_path, monkeypatch):
    cache = tmp_path / "kept" / "labels"
    split = load(data_dir, cache_dir=cache)
    assert len(list(cache.glob("keras_lt_*.npz"))) == 2
    assert not list(data_dir.glob("i_naturalist2018/*/*.npz"))
    monkeypatch.setattr(_label_cache, "_read", None)
    again = load(data_dir, cache_dir=cache)
    np.testing.assert_array_equal(split.train.y, again.train.y)


def test_folder_that_cannot_be_written_to(data_dir, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="Pass `cache_dir`"):
        split = load(data_dir, validation=None, cache_dir=tmp_path / "file")
    assert split.class_counts == [20, 6, 2]


def test_held_out_slice_and_manifest(data_dir):
    split = load(data_dir, validation=None, validation_fraction=0.25)
    assert np.bincount(split.validation.y).tolist() == [5, 2, 1]
    assert split.class_counts == [15, 4, 1]
    together = [*colors(split.train), *colors(split.validation)]
    assert sorted(np.rint(together).astype(int)) == list(range(28))
    again = load(data_dir, validation=None, validation_fraction=0.25)
    assert split.manifest() == again.manifest()
    other = load(data_dir, validation=None, validation_fraction=0.25, seed=1)
    assert split.manifest() != other.manifest()


def test_published_validation_leaves_training_whole(data_dir):
    split = load(data_dir, validation_fraction=0.25)
    assert split.class_counts == [20, 6, 2]
    assert len(split.validation) == 3


def test_builder_in_the_place_of_a_name(data_dir):
    folder = next(data_dir.glob("i_naturalist2018/*"))
    split = data.from_tfds(tfds.builder_from_directory(folder))
    assert split.class_counts == [20, 6, 2]


def test_images_are_copied_and_pickled_unread(data_dir):
    images = load(data_dir).train.x
    part = pickle.loads(pickle.dumps(images.take([5, 2])))
    np.testing.assert_array_equal(part[:], images[[5, 2]])
    assert part.example(0)["id"] == images.example(5)["id"]


def test_broken_record_is_named(data_dir, monkeypatch):
    images = load(data_dir).train.x
    encoded = images.encoded
    monkeypatch.setattr(
        images, "encoded", lambda row: encoded(row)[: 100 if row == 3 else None]
    )
    with pytest.raises(
        data.BrokenImagesError, match="row 3 of 'train' in .*1.0.0'"
    ):
        images[:]


def test_what_is_not_there(data_dir, tmp_path):
    with pytest.raises(ValueError, match="`tfds build imagenet_lt --file_for"):
        data.from_tfds("imagenet_lt", data_dir=data_dir)
    with pytest.raises(ValueError, match="one of 'train', .*Received: 'dev'"):
        load(data_dir, train="dev")
    with pytest.raises(ValueError, match="'supercategory'.*Received: 'class'"):
        load(data_dir, label_key="class")
    with pytest.raises(ValueError, match="'test' of .*labels were not publ"):
        load(data_dir, test="test")
    with pytest.raises(ValueError, match="without `dataset_info.json`"):
        data.PreparedImages(tmp_path, "train", (8, 8))


def test_records_that_cannot_be_read_by_row(tmp_path):
    pytest.importorskip("tensorflow")
    labels = {"train": [0, 1, 1]}
    prepare(tmp_path, "imagenet_lt", labels, 2, file_format="tfrecord")
    with pytest.raises(ValueError, match="array_record.*tfrecord.*tfds build"):
        data.from_tfds("imagenet_lt", data_dir=tmp_path)


def test_tensorflow_is_not_needed(data_dir):
    if keras.config.backend() == "tensorflow":
        pytest.skip("TensorFlow is the backend")
    script = (
        "import sys; from keras_lt import data\n"
        "assert 'tensorflow_datasets' not in sys.modules\n"
        f"split = data.from_tfds('i_naturalist2018', data_dir='{data_dir}')\n"
        "split.train.x[[0, 5]]\n"
        "assert 'tensorflow_datasets' in sys.modules\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ)
