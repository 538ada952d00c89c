"""The memory that losses, objectives and evaluation take of many classes."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import keras

from scripts.benchmarks._memory_case import cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = {"batch_size": 256, "num_classes": 8142, "dim": 2048}
LIMIT = 24.0
"""Of an accelerator, in GiB."""


def run(
    repeats: int,
    size: int = 24426,
    sizes: dict[str, int] = SIZES,
    names: Sequence[str] | None = None,
) -> list[dict]:
    """Measures the cases one by one, each in a process of its own.

    There is no network under the features, so that what is measured is what
    classes, features and images ask for: weights, gradients and momentum of
    the classifier, the term itself, and logits. It is the peak of the resident
    memory of the process, on a CPU; `at start` of it are the libraries.

    Args:
        repeats: How often each case is run; the largest peak counts, and the
            least time.
        size: Number of images whose logits are kept: the 24,426 of the
            validation part of iNaturalist 2018.
        sizes: Size of a batch, and numbers of classes and features.
        names: Of the cases; all if None.

    Returns:
        One row for each case.
    """
    content = json.dumps({**sizes, "size": size})
    policy = keras.config.dtype_policy().name
    rows = []
    for name in names or cases():
        found = [_measure(name, content, policy) for _ in range(repeats)]
        peak = max(one["peak"] for one in found) / 2**30
        rows.append(
            {
                "case": name,
                "backend": keras.config.backend(),
                "policy": policy,
                "at start, GiB": found[0]["start"] / 2**30,
                "peak, GiB": peak,
                "seconds": min(one["s"] for one in found),
                "target": f"<= {LIMIT:.0f} GiB",
            }
        )
    return rows


def _measure(name: str, sizes: str, policy: str) -> dict[str, float]:
    case = [sys.executable, "-m", "scripts.benchmarks._memory_case"]
    done = subprocess.run(
        [*case, name, sizes, policy],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"The case {name!r} must run to its end. Received: exit status "
            f"{done.returncode}.\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])
