"""Calibration against numbers worked out by hand."""

import numpy as np
import pytest

from keras_lt import report
from keras_lt.report.reliability import reliability_of


def test_error_by_hand():
    # Bins of a fifth: 0.5 and 0.55 share one; 0.9 and 0.95 another.
    confidences = np.array([0.5, 0.55, 0.9, 0.95, 0.3])
    correct = np.array([True, False, True, True, False])
    bins = reliability_of(confidences, correct, num_bins=5)
    assert bins.counts == (0, 1, 2, 0, 2)
    assert bins.accuracies == (None, 0.0, 0.5, None, 1.0)
    np.testing.assert_allclose(bins.confidences[4], 0.925)
    # 1/5 * 0.3 + 2/5 * |0.5 - 0.525| + 2/5 * |1 - 0.925|
    assert bins.calibration_error == pytest.approx(0.1)


def test_edges_belong_to_the_bin_below():
    bins = reliability_of(np.array([0.0, 0.5, 1.0]), np.ones(3, bool), 2)
    assert bins.counts == (2, 1)


def test_no_examples():
    bins = reliability_of(np.zeros(0), np.zeros(0, bool))
    assert bins.calibration_error is None
    assert len(bins.counts) == 15


def test_a_calibrated_model_has_little_error():
    generator = np.random.default_rng(0)
    confidences = generator.uniform(size=200_000)
    correct = generator.uniform(size=200_000) < confidences
    assert reliability_of(confidences, correct).calibration_error < 0.005


def test_card_matches_a_loop_over_bins():
    generator = np.random.default_rng(1)
    logits = 3 * generator.normal(size=(500, 4))
    labels = generator.integers(4, size=500)
    exps = np.exp(logits)
    confidences = (exps / exps.sum(1, keepdims=True)).max(1)
    correct = logits.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidences > low) & (confidences <= low + 1 / 15)
        if inside.any():
            gap = correct[inside].mean() - confidences[inside].mean()
            expected += inside.mean() * abs(gap)
    card = report.from_logits(logits, labels, [500, 200, 50, 5])
    assert card.calibration_error == pytest.approx(expected, rel=1e-5)
