import numpy as np

from applications.predictions import labels_in_order
from applications.predictions import pack
from applications.predictions import unpack


def test_answers_come_back_by_label():
    labels = np.array([2, 0, 1, 0, 2])
    predictions = np.array([2, 300, 1, 4, 8141])
    text = pack(predictions, labels)
    assert unpack(text).tolist() == [300, 4, 1, 2, 8141]
    supports = np.bincount(labels)
    assert labels_in_order(supports).tolist() == [0, 0, 1, 2, 2]


def test_ten_thousand_answers_are_small():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(100), 100))
    wrong = rng.random(len(labels)) < 0.6
    predictions = np.where(wrong, rng.integers(100, size=len(labels)), labels)
    assert len(pack(predictions, labels)) < 15_000
