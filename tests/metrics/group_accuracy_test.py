import time

import numpy as np
import pytest

from keras_lt.metrics import GroupAccuracy
from tests.checks import to_numpy
from tests.metrics.references import COUNTS
from tests.metrics.references import GROUPS
from tests.metrics.references import batches
from tests.metrics.references import class_mean
from tests.metrics.references import joined


def numbers(metric):
    return {key: float(to_numpy(x)) for key, x in metric.result().items()}


def test_is_the_mean_of_class_accuracies_in_each_group():
    metric = GroupAccuracy(COUNTS)
    for labels, logits in batches():
        metric.update_state(labels, logits)
    expected = {
        group: class_mean(*joined(batches()), classes)
        for group, classes in GROUPS.items()
    }
    assert len(set(expected.values())) == 3
    assert numbers(metric) == pytest.approx(expected, abs=1e-6)


def test_only_classes_that_were_seen_count():
    metric = GroupAccuracy([500, 400, 300])
    metric.update_state(np.array([0, 0, 2, 2]), np.eye(3)[[0, 1, 2, 2]])
    assert numbers(metric) == {"many": 0.75}


def test_thresholds_and_prefix_are_free():
    metric = GroupAccuracy([9, 5, 4, 1], many=4, few=2, prefix="full_")
    metric.update_state(np.arange(4), np.eye(4)[[0, 0, 2, 3]])
    expected = {"full_many": 0.5, "full_medium": 1.0, "full_few": 1.0}
    assert numbers(metric) == expected
    assert metric.name == "full_group_accuracy"


def test_a_group_without_classes_has_no_key():
    assert list(numbers(GroupAccuracy([900, 50]))) == ["many", "medium"]


def test_a_group_that_was_not_seen_is_zero():
    metric = GroupAccuracy([900, 5])
    metric.update_state(np.array([0]), np.array([[1.0, 0.0]]))
    assert numbers(metric) == {"many": 1.0, "few": 0.0}


def test_a_class_without_training_examples_is_few():
    metric = GroupAccuracy([900, 0])
    metric.update_state(np.array([1]), np.array([[0.0, 1.0]]))
    assert numbers(metric) == {"many": 0.0, "few": 1.0}


def test_many_classes_are_fast():
    num_classes = 8142
    metric = GroupAccuracy(np.linspace(1000, 2, num_classes).astype(int))
    labels = np.arange(num_classes - 128, num_classes)
    logits = np.zeros((128, num_classes), dtype="float32")
    logits[np.arange(128), labels] = 1.0
    logits[:32] = 0.0
    metric.update_state(labels, logits)
    start = time.perf_counter()
    metric.update_state(labels, logits)
    assert time.perf_counter() - start < 2.0
    assert numbers(metric)["few"] == pytest.approx(0.75)


def test_groups_that_overlap_are_refused():
    with pytest.raises(ValueError, match="`few` must be .* many=5, few=9"):
        GroupAccuracy(COUNTS, many=5, few=9)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="0 or greater.*-3 at label 1"):
        GroupAccuracy([4, -3])
