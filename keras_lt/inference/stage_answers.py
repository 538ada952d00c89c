"""Compares what an exported stage answers with what Keras does."""

import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lt.inference.stage_formats import run_stage
from keras_lt.inference.stage_graph import StageGraph

SAMPLES = 3  # More than the one or two images with which backends trace.
TOLERANCE = 1e-2
"""Largest difference, as a share of the largest value; float16 comes near."""


def random_inputs(inputs: keras.KerasTensor) -> np.ndarray:
    """Returns a few inputs of the given shape and dtype.

    They are from 0 to 1, which all networks take: an `Embedding` has rows for
    these numbers, and logarithms and roots of them are finite.
    """
    shape = [SAMPLES, *inputs.shape[1:]]
    generator = np.random.default_rng(0)
    if "int" in inputs.dtype:
        return generator.integers(0, 2, shape).astype(inputs.dtype)
    return generator.uniform(size=shape).astype(inputs.dtype)


def check_answers(
    graph: StageGraph, format: str, path: pathlib.Path, inputs: np.ndarray
) -> np.ndarray | None:
    """Raises unless the file answers as the graph does.

    Returns:
        The feature map that Keras gives, for the next stage.
    """
    expected: Mapping[str, Any] = {
        name: keras.ops.convert_to_numpy(value)
        for name, value in graph.predict_on_batch(inputs).items()
    }
    try:
        found = run_stage(path, format, inputs)
    except Exception as error:
        raise _wrong_answer(path, format, f"this error: {error}") from error
    if found is not None:
        for name, values in expected.items():
            # In double precision, as float16 overflows when subtracted.
            wanted = values.astype("float64")
            gap = np.abs(found[name] - wanted).max()
            largest = np.abs(wanted).max()
            if not gap <= TOLERANCE * largest:  # NaN is not, either.
                what = f"{name} of up to {largest:.2g} that differ by"
                raise _wrong_answer(path, format, f"{what} {gap:.2g}")
    return expected.get("features")


def _wrong_answer(path: pathlib.Path, format: str, what: str) -> ValueError:
    return ValueError(
        f"{path.name!r} must answer as Keras does, and nothing is exported "
        f"unless it does. Received: {what}. Layers in float16 or bfloat16 are "
        "a common reason: load the weights into a model of dtype policy "
        "'float32'. Else, try another format or KERAS_BACKEND than "
        f"{format!r} and {keras.config.backend()!r}."
    )
