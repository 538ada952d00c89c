"""Runs every check of the project, and says at the end what passed.

    python tools/run_checks.py                  # all of it
    python tools/run_checks.py --backends=jax   # the tests on one backend

Each backend gets a process of its own, since Keras chooses it when it is
imported. A check that fails does not stop the others.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BACKENDS = ["tensorflow", "jax", "torch"]
CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "docs": ["mkdocs", "build", "--strict", "--quiet"],
}
# Material announces its successor on every build.
QUIET_DOCS = {"NO_MKDOCS_2_WARNING": "1"}
# Two workers on two cores: with more threads in each they would only wait.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "2",  # One waits for itself in tf.data.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def main() -> int:
    arguments = parse_arguments()
    # Many tests start processes; each would compile all modules it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results = []
    for name, command in CHECKS.items():
        if name in arguments.skip:
            continue
        results.append(run(name, command, QUIET_DOCS))
    for backend in arguments.backends:
        results.append(run_tests(backend, arguments.workers))
    return summarise(results)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--backends",
        type=lambda names: [name for name in names.split(",") if name],
        default=BACKENDS,
        help="Comma-separated, of: " + ", ".join(BACKENDS) + ".",
    )
    parser.add_argument(
        "--skip", nargs="*", default=[], choices=list(CHECKS), metavar="CHECK"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="Processes of each test run."
    )
    return parser.parse_args()


def run_tests(backend: str, workers: int) -> tuple[str, bool, float]:
    """Runs the tests, and the examples in the docstrings, on one backend."""
    settings = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = ["pytest", "-q", "--durations=5"]
    if workers > 1:
        settings.update(ONE_THREAD)
        command += ["-n", str(workers), "--dist", "worksteal"]
    with tempfile.TemporaryDirectory() as compiled:
        # For JAX: what one process has compiled, the others need not.
        settings["JAX_COMPILATION_CACHE_DIR"] = compiled
        settings["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        return run(f"tests on {backend}", command, settings)


def run(
    name: str, command: list[str], settings: dict[str, str]
) -> tuple[str, bool, float]:
    print(f"\n==> {name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    code = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
    ).returncode
    return name, code == 0, time.monotonic() - start


def summarise(results: list[tuple[str, bool, float]]) -> int:
    print("\n==> summary")
    for name, passed, seconds in results:
        word = "passed" if passed else "FAILED"
        print(f"    {name:<20} {word}  {seconds:6.0f} s")
    failed = [name for name, passed, _ in results if not passed]
    print(f"==> failed: {', '.join(failed)}" if failed else "==> all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
