"""Packs the answers to a test set into text, small enough to keep."""

import base64
import zlib

import numpy as np


def pack(predictions: np.ndarray, labels: np.ndarray) -> str:
    """Returns predicted class ids as text.

    They are kept by label, and in the order of the test set within a label:
    most of them repeat their label then, which halves what is kept.

    Args:
        predictions: Class ids `(n,)`.
        labels: True class ids `(n,)`.
    """
    order = np.argsort(labels, kind="stable")
    content = np.asarray(predictions)[order].astype("<u2").tobytes()
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def unpack(text: str) -> np.ndarray:
    """Returns the class ids `(n,)`, int32, ordered by label."""
    content = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(content, "<u2").astype("int32")


def labels_in_order(class_supports: np.ndarray) -> np.ndarray:
    """Returns the labels that go with what `unpack` returns.

    Args:
        class_supports: Number of test images of each class, by label.
    """
    return np.repeat(np.arange(len(class_supports)), class_supports)
