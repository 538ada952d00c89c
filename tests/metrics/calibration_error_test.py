import numpy as np
import pytest

from keras_lt.metrics import CalibrationError
from tests.checks import to_numpy
from tests.metrics.references import COUNTS
from tests.metrics.references import GROUPS
from tests.metrics.references import batches
from tests.metrics.references import calibration_error
from tests.metrics.references import joined


def numbers(metric):
    return {key: float(to_numpy(x)) for key, x in metric.result().items()}


@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_matches_equation_over_all_and_in_each_group(num_bins):
    metric = CalibrationError(COUNTS, num_bins=num_bins)
    for part in batches(size=200):
        metric.update_state(*part)
    labels, logits = joined(batches(size=200))
    expected = {"ece": calibration_error(labels, logits, num_bins)}
    for group, classes in GROUPS.items():
        inside = np.isin(labels, classes)
        expected[f"ece_{group}"] = calibration_error(
            labels[inside], logits[inside], num_bins
        )
    assert numbers(metric) == pytest.approx(expected, abs=1e-5)


def test_without_counts_there_is_one_number():
    metric = CalibrationError()
    for part in batches():
        metric.update_state(*part)
    expected = calibration_error(*joined(batches()), 15)
    assert numbers(metric) == pytest.approx({"ece": expected}, abs=1e-5)


def test_probabilities_are_taken_as_they_are():
    metric = CalibrationError(num_bins=10, from_logits=False)
    probabilities = np.array([[0.75, 0.25], [0.75, 0.25], [0.05, 0.95]])
    metric.update_state(np.array([0, 1, 1]), probabilities)
    expected = (2 * abs(0.5 - 0.75) + abs(1 - 0.95)) / 3
    assert numbers(metric)["ece"] == pytest.approx(expected)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    for label, expected in ((0, 0.0), (1, 1.0)):
        metric = CalibrationError([9, 3], many=5, few=5)
        metric.update_state(np.array([label]), np.array([[1e4, -1e4]]))
        assert numbers(metric)["ece"] == pytest.approx(expected)


def test_bins_are_closed_above():
    metric = CalibrationError(num_bins=2, from_logits=False)
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25]])
    metric.update_state(np.array([1, 0]), probabilities)
    # In one bin, the two would make up for some of each other's error.
    assert numbers(metric)["ece"] == pytest.approx((0.5 + 0.25) / 2)


def test_a_group_without_classes_has_no_key():
    metric = CalibrationError([900, 50])
    assert list(numbers(metric)) == ["ece", "ece_many", "ece_medium"]


def test_thresholds_of_the_groups_are_free():
    metric = CalibrationError([9, 5, 1], many=8, few=3, from_logits=False)
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.3, 0.7, 0]])
    metric.update_state(np.arange(3), probabilities)
    expected = {"ece_many": 0.1, "ece_medium": 0.2, "ece_few": 0.7}
    expected["ece"] = (0.1 + 0.2 + 0.7) / 3
    assert numbers(metric) == pytest.approx(expected, abs=1e-6)


def test_number_of_bins_is_checked():
    with pytest.raises(ValueError, match="`num_bins` must .*num_bins=0"):
        CalibrationError(num_bins=0)
