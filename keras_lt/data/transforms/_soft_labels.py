"""Labels of mixed images."""

import numpy as np

from keras_lt.validation import check_labels
from keras_lt.validation import check_soft_labels


def soft_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns labels as float32 shares of each class."""
    if labels.ndim == 2 and labels.shape[1] == num_classes:
        check_soft_labels("labels", labels)
        return labels.astype("float32")
    ids = check_labels(labels, num_classes)
    shares = np.zeros((len(ids), num_classes), "float32")
    shares[np.arange(len(ids)), ids] = 1.0
    return shares
