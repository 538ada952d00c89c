"""OpenCV, which is fast on large images and need not be installed."""

import functools
import importlib.util
from typing import Any


@functools.cache
def has_opencv() -> bool:
    """Returns whether OpenCV is installed."""
    return importlib.util.find_spec("cv2") is not None


def import_opencv() -> Any:
    """Returns OpenCV, or says how to install it."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "Crops that are resized need OpenCV. Install it with "
            '`pip install "keras-lt[datasets]"`.'
        ) from error
    return cv2
