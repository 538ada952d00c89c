"""Every public loss, with arguments to test it with."""

import keras

from tests.checks import to_numpy

COUNTS = [100, 30, 10, 1]
CASES = {
    "BalancedSoftmax": [{"class_counts": COUNTS}],
    "ClassBalanced": [
        {"class_counts": COUNTS, "beta": 0.9, "form": "softmax"},
        {"class_counts": COUNTS, "beta": 0.99, "form": "sigmoid"},
        {"class_counts": COUNTS, "form": "focal", "gamma": 0.5},
    ],
    "Focal": [
        {"gamma": 0.5},
        {"gamma": 2.0, "form": "sigmoid"},
    ],
    "LDAM": [{"class_counts": COUNTS, "max_margin": 0.4, "scale": 10.0}],
    "LabelAwareSmoothing": [
        {"class_counts": COUNTS, "head": 0.3, "tail": 0.05, "form": "convex"}
    ],
    "LogitAdjusted": [{"class_counts": COUNTS, "tau": 1.5}],
}
PAIRS = [(name, case) for name in sorted(CASES) for case in CASES[name]]


def values(loss, labels, logits):
    labels = keras.ops.convert_to_tensor(labels)
    return to_numpy(loss.call(labels, keras.ops.convert_to_tensor(logits)))
