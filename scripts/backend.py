"""Sets up Keras before it is imported."""

import importlib
import importlib.util
import os

from absl import logging

BACKENDS = ("jax", "tensorflow", "torch")

DTYPE_POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def installed_backend() -> str:
    """Returns `KERAS_BACKEND`, or the first backend that is installed."""
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen:
        return chosen
    for name in ("tensorflow", "jax", "torch"):
        if importlib.util.find_spec(name):
            return name
    raise ImportError(
        "Keras needs a backend. Install one: "
        'pip install ".[jax]", or tensorflow, or torch.'
    )


def check_plots() -> None:
    """Ends the script unless reports can be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit(
            "ImportError: Reports are drawn with Matplotlib, which is not "
            'installed. Run `pip install ".[report]"`.'
        )


def set_up_keras(
    backend: str | None = None,
    dtype_policy: str = "float32",
    threads: int | None = None,
) -> str:
    """Chooses the backend; Keras must not have been imported yet.

    Args:
        backend: One of `BACKENDS`; None takes the one that is installed.
        dtype_policy: One of `DTYPE_POLICIES`.
        threads: Number of CPU threads of the backend; None leaves it to
            choose.

    Returns:
        The name of the backend.
    """
    backend = backend or installed_backend()
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # By itself, TensorFlow has these only where there is AVX-512.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.set_verbosity(logging.WARNING)
    if threads:
        _limit_threads(backend, threads)
    keras = importlib.import_module("keras")
    keras.config.set_dtype_policy(dtype_policy)
    return backend


def _limit_threads(backend: str, threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if backend == "tensorflow":
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        # With one, a step that waits for Python to make a batch holds the
        # thread that Python would have to be called on, and waits for ever.
        tensorflow.config.threading.set_inter_op_parallelism_threads(2)
    elif backend == "torch":
        importlib.import_module("torch").set_num_threads(threads)
    else:
        # The size of XLA's thread pool on a CPU is read from these.
        os.environ["NPROC"] = os.environ["PJRT_NPROC"] = str(threads)
