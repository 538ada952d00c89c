"""Which class is taken for which, on cases counted by hand."""

import numpy as np

from keras_lt import report

COUNTS = [500, 50, 5]
LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]
ANSWERS = [0, 0, 0, 2, 1, 1, 0, 2, 0, 0, 1, 1, 2]


def card():
    return report.from_logits(4 * np.eye(3)[ANSWERS], LABELS, COUNTS)


def test_all_pairs():
    expected = np.zeros((3, 3), int)
    for label, answer in zip(LABELS, ANSWERS, strict=True):
        expected[label, answer] += 1
    found = np.zeros((3, 3), int)
    for label, predicted, count in card().confusions.tolist():
        found[label, predicted] = count
    np.testing.assert_array_equal(found, expected)
    assert len(card().confusions) == np.count_nonzero(expected)


def test_only_rare_for_frequent_is_listed():
    found = [
        (c.label, c.predicted, c.count, c.share)
        for c in card().top_confusions()
    ]
    assert found == [(2, 0, 2, 0.4), (2, 1, 2, 0.4), (1, 0, 1, 0.25)]
    assert len(card().top_confusions(limit=1)) == 1


def test_groups():
    assert card().group_confusions == {
        "many": {"many": 0.75, "medium": 0.0, "few": 0.25},
        "medium": {"many": 0.25, "medium": 0.5, "few": 0.25},
        "few": {"many": 0.4, "medium": 0.4, "few": 0.2},
    }


def test_empty_group():
    logits = 4 * np.eye(3)[[0, 1]]
    found = report.from_logits(logits, [0, 1], COUNTS)
    assert found.group_confusions["few"] is None
    assert found.top_confusions() == []
