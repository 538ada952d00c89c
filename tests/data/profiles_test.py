import hashlib
import os

import numpy as np
import pytest

from keras_lt import class_groups
from keras_lt import data


def balanced_labels(num_classes: int, seed: int = 7) -> np.ndarray:
    """Labels of a training set of 50,000, shuffled as CIFAR's are."""
    labels = np.repeat(np.arange(num_classes), 50_000 // num_classes)
    return np.random.RandomState(seed).permutation(labels)


def literature_rows(targets, num_classes, imbalance, kind, seed):
    """The published procedure, written down independently, class by class."""
    state = np.random.RandomState(seed)
    largest = len(targets) / num_classes
    rows = []
    for label in range(num_classes):
        ratio = 1 / imbalance
        if kind == "exponential":
            count = int(largest * (ratio ** (label / (num_classes - 1.0))))
        else:
            count = int(largest if label < num_classes / 2 else largest * ratio)
        places = np.where(np.array(targets) == label)[0]
        state.shuffle(places)
        rows.extend(places[:count])
    return np.array(rows)


@pytest.mark.parametrize(
    "num_classes, imbalance, total",
    [
        (10, 200, 11203),
        (10, 100, 12406),
        (10, 50, 13996),
        (10, 10, 20431),
        (100, 200, 9502),
        (100, 100, 10847),
        (100, 50, 12608),
        (100, 10, 19573),
    ],
)
def test_totals_of_the_literature(num_classes, imbalance, total):
    counts = data.long_tailed_counts(
        num_classes, 50_000 // num_classes, imbalance
    )
    rows = data.long_tailed_rows(balanced_labels(num_classes), imbalance)
    assert sum(counts) == len(rows) == total


def test_counts_of_the_literature():
    assert data.long_tailed_counts(10, 5000, 100) == [
        5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50
    ]  # fmt: skip
    counts = data.long_tailed_counts(100, 500, 100)
    assert counts[:5] == [500, 477, 455, 434, 415]
    assert counts[-1] == 5


@pytest.mark.parametrize(
    "imbalance, sizes",
    [
        (10, (69, 31, 0)),
        (50, (41, 41, 18)),
        (100, (35, 35, 30)),
        (200, (30, 31, 39)),
    ],
)
def test_groups_of_cifar100(imbalance, sizes):
    groups = class_groups(data.long_tailed_counts(100, 500, imbalance))
    assert tuple(len(labels) for labels in groups.values()) == sizes


@pytest.mark.parametrize("kind", ["exponential", "step"])
@pytest.mark.parametrize("seed", [0, 3])
def test_rows_follow_the_published_procedure(kind, seed):
    labels = balanced_labels(10)
    rows = data.long_tailed_rows(labels, 50, kind, seed)
    expected = literature_rows(labels, 10, 50, kind, seed)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    "num_classes, digest",
    [
        (10, "c6e68edc36609806"),
        (100, "1fe4a345fdc2fc88"),
    ],
)
def test_rows_are_pinned(num_classes, digest):
    rows = data.long_tailed_rows(balanced_labels(num_classes), 100)
    found = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
    assert found[:16] == digest


def test_greater_imbalance_is_the_beginning_of_each_class():
    labels = balanced_labels(100)
    many, few = (data.long_tailed_rows(labels, f) for f in (10, 100))
    for label in range(100):
        own_many = many[labels[many] == label]
        own_few = few[labels[few] == label]
        np.testing.assert_array_equal(own_few, own_many[: len(own_few)])


@pytest.mark.parametrize(
    "name, num_classes", [("cifar10", 10), ("cifar100", 100)]
)
def test_rows_of_the_real_labels(name, num_classes):
    folder = os.environ.get("KERAS_LT_DATA")
    path = os.path.join(folder or "", f"{name}.npz")
    if not folder or not os.path.isfile(path):
        pytest.skip(f"KERAS_LT_DATA does not name a folder with {name}.npz")
    subset = os.path.join(folder, "lt10", f"{name}.npz")
    with np.load(path) as arrays:
        labels = arrays["y_train"]
    rows = data.long_tailed_rows(labels, 10)
    np.testing.assert_array_equal(
        rows, literature_rows(labels, num_classes, 10, "exponential", 0)
    )
    if os.path.isfile(subset):
        with np.load(subset) as arrays:
            np.testing.assert_array_equal(rows, arrays["index_train"])


def test_step_profile():
    assert data.long_tailed_counts(4, 50, 10, "step") == [50, 50, 5, 5]
    assert data.long_tailed_counts(5, 50, 10, "step") == [50, 50, 50, 5, 5]


def test_pareto_profile_is_close_to_imagenet_lt():
    counts = data.long_tailed_counts(1000, 1280, 256, "pareto")
    assert (counts[0], counts[-1]) == (1280, 5)
    assert counts == sorted(counts, reverse=True)
    assert abs(sum(counts) / 115_846 - 1) < 0.05
    groups = class_groups(counts)
    assert [len(labels) for labels in groups.values()] == [404, 456, 140]
    # The eleventh class, by the formula: (1000 / 11) ** (1 / 6) = 2.1202.
    assert counts[10] == int(5 + 1275 * (2.12022 - 1) / (3.16228 - 1))


@pytest.mark.parametrize("profile", ["exponential", "step", "pareto"])
def test_imbalance_of_one_keeps_all(profile):
    assert data.long_tailed_counts(7, 33, 1, profile) == [33] * 7


@pytest.mark.parametrize("profile", ["exponential", "step", "pareto"])
def test_smallest_class_of_one_survives_rounding(profile):
    assert int(49 * (1 / 49)) == 0
    assert data.long_tailed_counts(7, 49, 49, profile)[-1] == 1


def test_max_count_sets_the_head():
    labels = np.repeat([0, 1, 2], [90, 40, 20])
    rows = data.long_tailed_rows(labels, 10, max_count=80)
    assert np.bincount(labels[rows]).tolist() == [80, 25, 8]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"imbalance_factor": 0.01}, "1 or greater.*Received: 0.01.*pass 100"),
        ({"imbalance_factor": np.nan}, "1 or greater.*Received: nan"),
        ({"imbalance_factor": 6}, "leave an example.*Received: 6 with 5"),
        ({"profile": "linear"}, "must be one of 'exponential', 'step', 'par"),
        ({"max_count": 9}, "2 of 2 classes with too few, first label 0: 5 ex"),
        ({"max_count": 0}, "`max_count` must be a whole number"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    labels = np.arange(10) % 2
    with pytest.raises(ValueError, match=message):
        data.long_tailed_rows(labels, **({"imbalance_factor": 1} | arguments))


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 0, 2, 2], "no example of label 1"),
        ([0, -1], "must be 0 or greater. Received: -1 at row 1"),
        ([0.0, 1.0], "must be integer class ids. Received: dtype=float64"),
        (["cat", "dog"], "must be integer class ids"),
        (np.eye(3, dtype=int), r"of shape \(n,\). Received: shape \(3, 3\)"),
        (np.zeros(0, int), "one label or more"),
        ([0, 0, 0], "`num_classes` must be 2 or more"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        data.long_tailed_rows(labels, 1)
