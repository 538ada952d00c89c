import os
import sys

import numpy as np
import pytest

from keras_lt import class_groups
from keras_lt import data

FOLDER = os.environ.get("KERAS_LT_DATA")


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    """Hides what the machine may have."""
    monkeypatch.delenv("KERAS_LT_DATA", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


def small_cifar(num_classes: int = 10, per_class: int = 20) -> dict:
    """Arrays in the layout of CIFAR, whose images hold their own number."""
    random = np.random.RandomState(5)
    labels = random.permutation(np.repeat(np.arange(num_classes), per_class))
    numbers = np.arange(len(labels), dtype="uint8")[:, None, None, None]
    return {
        "x_train": np.broadcast_to(numbers, (len(labels), 32, 32, 3)).copy(),
        "y_train": labels,
        "x_test": np.full((num_classes, 32, 32, 3), 255, "uint8"),
        "y_test": np.arange(num_classes),
    }


def test_digits():
    split = data.load("digits_lt", imbalance_factor=20)
    assert split.class_counts == [144, 103, 74, 53, 38, 27, 19, 14, 10, 7]
    assert split.train.x.shape == (489, 8, 8, 1)
    assert split.train.x.dtype == np.uint8
    assert (split.train.x.min(), split.train.x.max()) == (0, 255)
    assert np.bincount(split.test.y).tolist() == [30] * 10
    assert split.validation is None
    assert split.class_names == list("0123456789")
    groups = class_groups(split.class_counts)
    assert [len(labels) for labels in groups.values()] == [2, 4, 4]


def test_digits_show_their_label():
    from sklearn.datasets import load_digits

    source = load_digits()
    for part in data.load("digits_lt", imbalance_factor=5).parts().values():
        np.testing.assert_array_equal(part.y, source.target[part.rows])
        expected = np.rint(source.images[part.rows] * 255 / 16)
        np.testing.assert_array_equal(part.x[..., 0], expected)


def test_digits_parts_do_not_overlap():
    split = data.load("digits_lt", imbalance_factor=5, validation_fraction=0.2)
    rows = np.concatenate([part.rows for part in split.parts().values()])
    assert len(set(rows)) == len(rows)
    assert set(split.parts()) == {"train", "validation", "test"}


def test_digits_held_out_of_what_is_left_over():
    """Of 178 zeros, 30 are for testing and 144 for training: 4 are left."""
    plain = data.load("digits_lt", imbalance_factor=20)
    split = data.load("digits_lt", imbalance_factor=20, validation_per_class=20)
    assert np.bincount(split.validation.y).tolist() == [4] + 9 * [20]
    for name in ("train", "test"):
        before, after = plain.parts()[name], split.parts()[name]
        np.testing.assert_array_equal(before.rows, after.rows)
    rows = np.concatenate([part.rows for part in split.parts().values()])
    assert len(set(rows)) == len(rows)
    assert split.settings["validation_per_class"] == 20
    assert split.settings["validation_fraction"] == 0
    assert "validation_per_class" not in plain.settings
    other = data.load(
        "digits_lt", imbalance_factor=20, validation_per_class=20, seed=1
    )
    assert set(other.validation.rows) != set(split.validation.rows)


def test_held_out_in_two_ways():
    match = "Only one of .* Received: 0.1 and 5. The first takes images from"
    with pytest.raises(ValueError, match=match):
        data.load(
            "digits_lt",
            imbalance_factor=20,
            validation_fraction=0.1,
            validation_per_class=5,
        )


def test_seed_changes_training_images_and_leaves_the_test():
    first, other = (
        data.load("digits_lt", imbalance_factor=20, seed=seed)
        for seed in (0, 1)
    )
    assert set(first.train.rows) != set(other.train.rows)
    np.testing.assert_array_equal(first.test.rows, other.test.rows)
    assert first.class_counts == other.class_counts


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"keras-lt\[datasets\]"):
        data.load("digits_lt")


def test_digits_with_too_much_imbalance():
    with pytest.raises(ValueError, match="Received: 200 with 144 .*Use 144"):
        data.load("digits_lt", imbalance_factor=200)


def test_archive(tmp_path):
    arrays = small_cifar()
    np.savez(tmp_path / "cifar10.npz", **arrays)
    split = data.load("cifar10_lt", imbalance_factor=10, data_dir=tmp_path)
    rows = data.long_tailed_rows(arrays["y_train"], 10)
    np.testing.assert_array_equal(split.train.x[:, 0, 0, 0], rows)
    np.testing.assert_array_equal(split.train.y, arrays["y_train"][rows])
    np.testing.assert_array_equal(split.test.x, arrays["x_test"])
    assert split.class_counts[0] == 20
    assert split.class_counts[-1] == 2
    assert split.class_names[:2] == ["airplane", "automobile"]
    assert split.name == "cifar10_lt"


def test_archive_with_images_held_out_of_what_is_left_over(tmp_path):
    np.savez(tmp_path / "cifar10.npz", **small_cifar())
    plain, split = (
        data.load(
            "cifar10_lt",
            imbalance_factor=10,
            data_dir=tmp_path,
            validation_per_class=number,
        )
        for number in (0, 3)
    )
    np.testing.assert_array_equal(plain.train.x, split.train.x)
    # All 20 images of the largest class are trained on, and 15 of the next.
    assert split.class_counts[:2] == [20, 15]
    assert np.bincount(split.validation.y).tolist() == [0] + 9 * [3]
    numbers = split.validation.x[:, 0, 0, 0]
    assert not set(numbers) & set(split.train.x[:, 0, 0, 0])
    np.testing.assert_array_equal(split.validation.rows, numbers)


def test_nothing_is_left_over_of_all_images(tmp_path):
    np.savez(tmp_path / "cifar10.npz", **small_cifar())
    with pytest.raises(ValueError, match="must find images .* 0 classes of 10"):
        data.load(
            "cifar10_lt",
            imbalance_factor=1,
            data_dir=tmp_path,
            validation_per_class=3,
        )


def test_archive_of_grey_images_and_the_environment(tmp_path, monkeypatch):
    arrays = small_cifar()
    arrays |= {name: arrays[name][..., 0] for name in ("x_train", "x_test")}
    np.savez(tmp_path / "fashion_mnist.npz", **arrays)
    monkeypatch.setenv("KERAS_LT_DATA", str(tmp_path))
    split = data.load("fashion_mnist_lt", imbalance_factor=2)
    assert split.train.x.shape[1:] == (32, 32, 1)
    assert split.class_names[9] == "Ankle boot"


def write_subset(folder, arrays, imbalance):
    folder.mkdir()
    rows = data.long_tailed_rows(arrays["y_train"], imbalance)
    subset = {key: arrays[key][rows] for key in ("x_train", "y_train")}
    path = folder / "cifar10.npz"
    np.savez(path, **(arrays | subset), index_train=rows)
    return folder


@pytest.mark.parametrize("imbalance", [2, 5, 20])
def test_archive_of_a_subset_gives_the_same_split(tmp_path, imbalance):
    arrays = small_cifar()
    np.savez(tmp_path / "cifar10.npz", **arrays)
    part = write_subset(tmp_path / "part", arrays, imbalance=2)
    full, prefix = (
        data.load(
            "cifar10_lt",
            imbalance_factor=imbalance,
            data_dir=folder,
            validation_fraction=0.2,
        )
        for folder in (tmp_path, part)
    )
    assert full.manifest() == prefix.manifest()
    np.testing.assert_array_equal(full.train.x, prefix.train.x)
    np.testing.assert_array_equal(full.validation.x, prefix.validation.x)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"imbalance_factor": 2}, r"20 to 4 .*\(imbalance 5\).*factor=2, "),
        ({"imbalance_factor": 8, "profile": "step"}, "must contain.*'step'"),
        ({"seed": 1}, "`seed` must be 0.*Received: seed=1"),
    ],
)
def test_archive_of_a_subset_that_does_not_reach(tmp_path, arguments, message):
    folder = write_subset(tmp_path / "part", small_cifar(), imbalance=5)
    arguments = {"imbalance_factor": 10} | arguments
    with pytest.raises(ValueError, match=message):
        data.load("cifar10_lt", data_dir=folder, **arguments)


def test_archive_of_a_subset_has_nothing_left_over(tmp_path):
    folder = write_subset(tmp_path / "part", small_cifar(), imbalance=5)
    arguments = {"data_dir": folder, "validation_per_class": 3}
    match = "some of 0 classes of 10. Use `validation_fraction`"
    with pytest.raises(ValueError, match=match):
        data.load("cifar10_lt", imbalance_factor=5, **arguments)


def test_nothing_there(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"no '.*cifar100.npz'.*y_test\).*prepare_data.py.*tensorflow\]",
    ):
        data.load("cifar100_lt", data_dir=tmp_path)
    with pytest.raises(ValueError, match="no `data_dir`, and.*KERAS_LT_DATA"):
        data.load("cifar100_lt")


def test_unknown_name():
    with pytest.raises(ValueError, match="one of 'digits_lt', .*'mnist'"):
        data.load("mnist")


def test_archive_without_an_array(tmp_path):
    arrays = small_cifar()
    del arrays["y_test"]
    np.savez(tmp_path / "cifar10.npz", **arrays)
    with pytest.raises(ValueError, match="must hold the arrays .*no y_test"):
        data.load("cifar10_lt", data_dir=tmp_path)


def test_archive_that_is_damaged(tmp_path):
    path = tmp_path / "cifar10.npz"
    np.savez(path, **small_cifar())
    for size in (5000, 0):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(ValueError, match="whole .npz file.*cifar10.npz"):
            data.load("cifar10_lt", data_dir=tmp_path)


def test_pickled_arrays_are_refused(tmp_path):
    arrays = small_cifar() | {"y_train": np.array([{}] * 200, dtype=object)}
    np.savez(tmp_path / "cifar10.npz", **arrays)
    with pytest.raises(ValueError, match="plain arrays.*allow_pickle"):
        data.load("cifar10_lt", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name, total, validation",
    [("cifar10", 12406, 1242), ("cifar100", 10847, 1095)],
)
def test_real_images(name, total, validation):
    """The full set and the 1:10 subset, in `lt10`, give the same split."""
    if not FOLDER or not os.path.isfile(os.path.join(FOLDER, f"{name}.npz")):
        pytest.skip(f"KERAS_LT_DATA does not name a folder with {name}.npz")
    full = data.load(f"{name}_lt", data_dir=FOLDER, validation_fraction=0.1)
    assert len(full.train) + len(full.validation) == total
    assert len(full.validation) == validation
    assert len(full.test) == 10_000
    assert full.train.x.shape[1:] == (32, 32, 3)
    subset = os.path.join(FOLDER, "lt10")
    if os.path.isfile(os.path.join(subset, f"{name}.npz")):
        part = data.load(f"{name}_lt", data_dir=subset, validation_fraction=0.1)
        assert part.manifest() == full.manifest()
        np.testing.assert_array_equal(part.train.x, full.train.x)
