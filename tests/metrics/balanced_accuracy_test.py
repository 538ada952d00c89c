import numpy as np
import pytest

from keras_lt.metrics import BalancedAccuracy
from tests.checks import to_numpy
from tests.metrics.references import NUM_CLASSES
from tests.metrics.references import batches
from tests.metrics.references import class_mean
from tests.metrics.references import joined


def test_is_the_mean_of_class_accuracies():
    metric = BalancedAccuracy(NUM_CLASSES)
    for labels, logits in batches():
        metric.update_state(labels, logits)
    labels, logits = joined(batches())
    expected = class_mean(labels, logits, range(NUM_CLASSES))
    assert expected != pytest.approx(np.mean(logits.argmax(-1) == labels))
    assert float(to_numpy(metric.result())) == pytest.approx(expected)


def test_only_classes_that_were_seen_count():
    metric = BalancedAccuracy(4)
    metric.update_state(np.array([0, 0, 0, 3]), np.eye(4)[[0, 0, 1, 1]])
    assert float(to_numpy(metric.result())) == pytest.approx(1 / 3)


def test_number_of_classes_is_checked():
    with pytest.raises(ValueError, match="`num_classes` must .*num_classes=0"):
        BalancedAccuracy(0)
