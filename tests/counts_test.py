import numpy as np
import pytest

import keras_lt
from keras_lt.counts import class_groups
from keras_lt.counts import effective_number_weights
from keras_lt.counts import groups_with_classes
from keras_lt.counts import log_priors
from tests.losses.references import cifar_counts


def test_class_counts_counts_every_label():
    labels = np.array([[3], [0], [3], [1]])
    assert keras_lt.class_counts(labels, num_classes=5) == [1, 1, 0, 2, 0]
    assert type(keras_lt.class_counts(labels, 5)[0]) is int


def test_class_counts_refuses_labels_out_of_range():
    with pytest.raises(ValueError, match="below the number of classes, 3.*7"):
        keras_lt.class_counts(np.array([0, 7]), num_classes=3)


def test_log_priors_are_those_of_a_distribution():
    priors = log_priors([6, 3, 1])
    np.testing.assert_allclose(priors, np.log([0.6, 0.3, 0.1]))


@pytest.mark.parametrize(
    "num_classes, head, tail", [(10, 0.0506, 3.993), (100, 0.0449, 4.378)]
)
def test_weights_of_long_tailed_cifar(num_classes, head, tail):
    weights = effective_number_weights(cifar_counts(num_classes, 100), 0.9999)
    np.testing.assert_allclose(weights[0], head, atol=5e-5)
    np.testing.assert_allclose(weights[-1], tail, atol=5e-4)
    np.testing.assert_allclose(weights.sum(), num_classes)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.999999])
def test_weights_match_equation(beta):
    counts = np.array([5000.0, 50.0, 5.0])
    expected = (1 - beta) / (1 - beta**counts)
    np.testing.assert_allclose(
        effective_number_weights(counts, beta),
        expected / expected.sum() * 3,
        rtol=1e-9,
    )


def test_weights_approach_inverse_frequency():
    weights = effective_number_weights([1000, 10, 1], beta=1 - 1e-12)
    np.testing.assert_allclose(weights / weights[-1], [1e-3, 0.1, 1], rtol=1e-6)


def test_beta_of_zero_gives_equal_weights():
    assert effective_number_weights([9, 1], beta=0.0).tolist() == [1.0, 1.0]


def test_beta_of_one_is_refused():
    with pytest.raises(ValueError, match="`beta` must be .* smaller than 1"):
        effective_number_weights([9, 1], beta=1.0)


@pytest.mark.parametrize(
    "num_classes, factor, sizes",
    [
        (10, 100, (8, 2, 0)),
        (100, 10, (69, 31, 0)),
        (100, 50, (41, 41, 18)),
        (100, 100, (35, 35, 30)),
        (100, 200, (30, 31, 39)),
    ],
)
def test_groups_of_long_tailed_cifar(num_classes, factor, sizes):
    groups = class_groups(cifar_counts(num_classes, factor))
    assert tuple(len(labels) for labels in groups.values()) == sizes
    assert list(groups) == ["many", "medium", "few"]


def test_groups_have_the_thresholds_in_the_middle():
    groups = class_groups([101, 100, 20, 19, 0])
    found = {name: labels.tolist() for name, labels in groups.items()}
    assert found == {"many": [0], "medium": [1, 2], "few": [3, 4]}


def test_groups_that_overlap_are_refused():
    with pytest.raises(ValueError, match="`few` must be .* many=5, few=7"):
        class_groups([1, 2], many=5, few=7)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([500, np.nan, 5], "whole, finite numbers.*first at label 1: nan"),
        ([500, -5], "0 or greater for every class. Received: -5 at label 1"),
        ([500, 2.5], "whole, finite numbers.*first at label 1: 2.5"),
    ],
)
def test_groups_of_what_are_no_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        class_groups(counts)


def test_groups_with_a_bound_that_is_no_number_are_refused():
    with pytest.raises(ValueError, match="few=nan. Lower `few`, or raise `man"):
        class_groups([1, 2], few=np.nan)


def test_groups_without_a_class_are_left_out():
    found = groups_with_classes([101, 19, 500])
    assert {name: labels.tolist() for name, labels in found.items()} == {
        "many": [0, 2],
        "few": [1],
    }
