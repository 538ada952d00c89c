"""How long each stage takes by itself."""

import time
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.inference._engine.flow import Outputs
from keras_lt.inference._engine.flow import Stage
from keras_lt.types import Tensor


def time_stages(
    stages: Sequence[Stage], rows: Tensor, repeats: int
) -> np.ndarray:
    """Returns the median seconds of each stage for a batch, `(K,)`.

    Stages take turns, so that all of them see the same machine.
    """
    inputs = []
    for stage in stages:
        inputs.append(rows)
        rows = _finished(stage, rows)[-1]
    seconds = np.zeros((repeats, len(stages)))
    for repeat in range(repeats):
        for position, stage in enumerate(stages):
            start = time.perf_counter()
            _finished(stage, inputs[position])
            seconds[repeat, position] = time.perf_counter() - start
    return np.median(seconds, axis=0)


def _finished(stage: Stage, rows: Tensor) -> Outputs:
    """Runs a stage, and waits: JAX and GPUs compute after a call returns.

    The warm-up has to wait too, or its work counts as that of the next call.
    """
    outputs = stage(rows)
    ops.convert_to_numpy(outputs[0])
    return outputs


def noise(
    batch_size: int, image_shape: tuple[int | None, ...] | None
) -> np.ndarray:
    """Returns a batch of images of a shape that must be known."""
    if image_shape is None or None in image_shape:
        raise ValueError(
            "`images` must be given where a stage takes images of any shape. "
            f"Received: none, for image_shape={image_shape}. Pass a batch of "
            "images of the usual shape."
        )
    shape = [batch_size, *(size for size in image_shape if size is not None)]
    return np.random.default_rng(0).standard_normal(shape, "float32")
