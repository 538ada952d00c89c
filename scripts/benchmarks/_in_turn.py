"""Times two things in turn, so that both see the same machine."""

import time
from collections.abc import Callable

import keras
import numpy as np


def seconds_of(work: Callable[[], object]) -> float:
    """Returns how long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def both_seconds_of(work: Callable[[], object]) -> np.ndarray:
    """Returns how long `work` takes, and how long processors were busy.

    All threads of this process count for the second, which other processes
    on the same machine leave alone.
    """
    start = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - start


def ratios(
    one: Callable[[], float], other: Callable[[], float], repeats: int
) -> np.ndarray:
    """Returns the time of `one` in times of `other`, once for each repeat.

    A repeat runs other, one, one and other. Both give their seconds, and have
    run before.
    """
    found = []
    for _ in range(repeats):
        before, *middle, after = (f() for f in (other, one, one, other))
        found.append(sum(middle) / (before + after))
    return np.array(found)


def row(what: str, measured: np.ndarray, target: str) -> dict:
    """Returns a row of a table: the median of ratios and their quartiles."""
    low, median, high = np.quantile(measured, [0.25, 0.5, 0.75])
    return {
        "backend": keras.config.backend(),
        "what": what,
        "ratio": float(median),
        "quartiles": f"{low:.3f} to {high:.3f}",
        "repeats": len(measured),
        "target": target,
    }
