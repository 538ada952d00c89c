"""The published counts of the large benchmarks, and lists of their size.

The lists and counts are looked for in the folder `KERAS_LT_DATA`, or in a
folder `splits` in it.
"""

import gzip
import os
import pathlib
import time

import numpy as np
import pytest

from keras_lt import data
from keras_lt import samplers
from keras_lt.counts import class_groups
from scripts.benchmarks.sampling_share import power_law

ROOT = pathlib.Path(os.environ.get("KERAS_LT_DATA", "no-such-folder"))


def published(name):
    for path in (ROOT / name, ROOT / "splits" / name):
        if path.exists():
            return path
    pytest.skip(f"KERAS_LT_DATA does not have {name}")


def counts_in(name):
    return np.loadtxt(published(name), dtype=int)


def write_train_list(path, counts):
    """A list with as many images of each class, in another order."""
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(0).permutation(labels)
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.writelines(
            f"train/{label}/{row}.jpg {label}\n"
            for row, label in enumerate(labels.tolist())
        )
    return path


def groups(counts):
    """Returns how many classes have many, medium and few images."""
    return [len(labels) for labels in class_groups(counts).values()]


@pytest.mark.parametrize(
    "name, images, sizes",
    [
        ("ImageNet_LT_train_class_counts.txt", 115_846, [385, 479, 136]),
        ("iNaturalist18_train_class_counts.txt", 437_513, [842, 4076, 3224]),
    ],
)
def test_lists_of_published_counts(tmp_path, name, images, sizes):
    counts = counts_in(name)
    path = write_train_list(tmp_path / "train.txt.gz", counts)
    split = data.from_list(path, check_files=False)
    assert split.class_counts == counts.tolist()
    assert len(split.train) == images
    assert groups(split.class_counts) == sizes


def test_published_list_of_places():
    split = data.from_list(
        published("Places_LT_train.txt.gz"),
        published("Places_LT_val.txt.gz"),
        published("Places_LT_test.txt.gz"),
        check_files=False,
    )
    counts = counts_in("Places_LT_train_class_counts.txt")
    assert split.class_counts == counts.tolist()
    assert len(split.train) == 62_500
    assert np.bincount(split.validation.y).tolist() == [20] * 365
    assert np.bincount(split.test.y).tolist() == [100] * 365


@pytest.mark.parametrize(
    "name, classes, each",
    [
        ("ImageNet_LT_val.txt.gz", 1000, 20),
        ("ImageNet_LT_test.txt.gz", 1000, 50),
        ("iNaturalist18_val.txt.gz", 8142, 3),
    ],
)
def test_published_lists_to_judge_on(name, classes, each):
    split = data.from_list(published(name), check_files=False)
    assert split.class_counts == [each] * classes


def test_classes_are_numbered_as_by_tensorflow_datasets():
    tfds = pytest.importorskip("tensorflow_datasets")
    lines = published("ImageNet_LT_classnames.txt").read_text().splitlines()
    names = [line.split()[0] for line in lines]
    package = pathlib.Path(tfds.__file__).parent
    path = package / "datasets" / "imagenet2012" / "labels.txt"
    assert path.read_text().split() == names


def test_start_on_a_list_of_the_size_of_inaturalist(tmp_path):
    counts = power_law(437_513)
    assert counts.sum() == 437_513
    assert len(counts) == 8_142 and 2 <= counts.min() <= 3
    path = write_train_list(tmp_path / "train.txt.gz", counts)
    start = time.process_time()
    split = data.from_list(path, check_files=False)
    batches = data.Batches(
        split.train, 256, sampler=samplers.ClassBalanced(), num_threads=0
    )
    rows = batches.rows(0)
    # A few times what it takes; other processes on the machine do not count.
    assert time.process_time() - start < 15
    assert len(rows) == 437_513
    drawn = np.bincount(split.train.y[rows], minlength=8_142)
    expected = 437_513 / 8_142
    assert abs(drawn.mean() - expected) < 1e-9
    assert drawn.std() == pytest.approx(np.sqrt(expected), rel=0.05)
    start = time.process_time()
    samplers.ClassBalanced()(batches.class_index, 0, 1)
    # 3 % of the time of an epoch at 10,000 images a second.
    assert time.process_time() - start < 0.03 * 437_513 / 10_000
