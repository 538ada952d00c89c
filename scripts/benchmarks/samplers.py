"""What samplers cost on 10 million labels of 8,142 classes."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lt import samplers

_NUM_CLASSES = 8_142


def run(repeats: int, size: int = 10_000_000) -> list[dict]:
    """Measures the set-up, and one epoch of draws of each sampler.

    Returns:
        Rows with the median and the longest time in seconds, and the greatest
        memory in use besides the labels, in multiples of the labels.
    """
    labels = _long_tail(size)
    index = samplers.ClassIndex(labels)
    rows = [_measure("set-up", lambda _: samplers.ClassIndex(labels), repeats)]
    for sampler in (
        samplers.InstanceBalanced(),
        samplers.ClassBalanced(),
        samplers.SquareRoot(),
        samplers.PowerLaw(0.25),
        samplers.Progressive(epochs=repeats),
        samplers.ClassAware(4),
        samplers.EffectiveNumber(0.9999),
        samplers.Reversed(),
    ):
        row = _measure(
            repr(sampler), lambda e, s=sampler: s(index, 0, e), repeats
        )
        # The index is there all the while, and was made before.
        row["memory"] += index.rows.nbytes
        rows.append(row)
    for row in rows:
        row["memory"] = round(row["memory"] / labels.nbytes, 2)
    return rows


def _long_tail(size: int) -> np.ndarray:
    shares = 1.0 / np.arange(1, _NUM_CLASSES + 1)
    generator = np.random.default_rng(0)
    labels = generator.choice(
        _NUM_CLASSES, size=size, p=shares / shares.sum()
    ).astype("int32")
    labels[:_NUM_CLASSES] = np.arange(_NUM_CLASSES)
    return labels


def _measure(name: str, work: Callable[[int], Any], repeats: int) -> dict:
    seconds = []
    for epoch in range(repeats):
        start = time.perf_counter()
        work(epoch)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    work(repeats - 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "part": name,
        "seconds": round(float(np.median(seconds)), 3),
        "longest": round(max(seconds), 3),
        "memory": peak,
    }
