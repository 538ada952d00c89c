"""Reports that several tests look at."""

import numpy as np

from keras_lt import report

COUNTS = [500, 300, 101, 100, 50, 20, 19, 3]


def answers(seed=0, shift=0.0, num_examples=400):
    """Logits and labels of 8 classes with unequal numbers of examples."""
    generator = np.random.default_rng(seed)
    shares = np.array([1, 2, 3, 4, 4, 3, 2, 1]) / 20
    labels = np.random.default_rng(7).choice(8, num_examples, p=shares)
    logits = generator.normal(size=(num_examples, 8))
    logits[np.arange(num_examples), labels] += 1.5
    return logits + shift * np.log(COUNTS), labels


def card(seed=0, shift=0.3, **kwargs):
    logits, labels = answers(seed, shift)
    return report.from_logits(logits, labels, COUNTS, **kwargs)
