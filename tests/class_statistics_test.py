"""Means and spreads of classes, batch by batch."""

import numpy as np

from keras_lt.class_statistics import ClassStatistics


def test_equals_the_statistics_of_all_features_at_once():
    rng = np.random.default_rng(0)
    features = 100 + rng.normal(size=(60, 5)).astype("float32")
    labels = rng.integers(3, size=60)
    statistics = ClassStatistics(num_classes=4, dim=5)
    for start in range(0, 60, 7):
        rows = slice(start, start + 7)
        statistics.add(features[rows], labels[rows])
    np.testing.assert_array_equal(statistics.known, [True, True, True, False])
    for label in range(3):
        own = features[labels == label].astype("float64")
        mean = own.mean(axis=0)
        np.testing.assert_allclose(statistics.means[label], mean)
        spread = np.sqrt(np.square(own - mean).sum(axis=1).mean())
        np.testing.assert_allclose(statistics.distances[label], spread)
    np.testing.assert_array_equal(statistics.means[3], np.zeros(5))


def test_one_example_is_at_no_distance():
    statistics = ClassStatistics(num_classes=2, dim=2)
    statistics.add(np.array([[0.1, 0.3]], "float32"), np.array([1]))
    np.testing.assert_allclose(statistics.distances, [0, 0], atol=1e-8)
