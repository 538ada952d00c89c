"""Marks of tests that need what writes or runs exported stages."""

import importlib.util

import keras
import pytest

from keras_lt.inference import stage_formats

BACKEND = keras.config.backend()
MISSING = [
    name
    for name in (*stage_formats.PACKAGES["onnx", BACKEND], "onnxruntime")
    if importlib.util.find_spec(name) is None
]

onnx_only = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not installed"
)
saved_model_only = pytest.mark.skipif(
    BACKEND == "torch" or importlib.util.find_spec("tensorflow") is None,
    reason="Keras writes a SavedModel with TensorFlow, and not from torch",
)
