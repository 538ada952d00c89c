"""The formats in which Keras writes a stage, and what each needs."""

import importlib.util
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lt.inference.onnx_file import finish_onnx
from keras_lt.inference.stage_graph import StageGraph
from keras_lt.validation import check_choice

SUFFIXES = {"onnx": ".onnx", "tf_saved_model": ""}
"""What the names of files and folders of each format end with."""

PACKAGES = {
    ("onnx", "tensorflow"): ("onnx", "tf2onnx"),
    ("onnx", "jax"): ("onnx", "jax2onnx"),
    ("onnx", "torch"): ("onnx",),
    ("tf_saved_model", "tensorflow"): ("tensorflow",),
    ("tf_saved_model", "jax"): ("tensorflow",),
}
"""What must be installed to write a format from a backend."""


def check_format(format: str) -> None:
    """Raises unless the running backend can write this format here."""
    check_choice("format", format, SUFFIXES)
    backend = keras.config.backend()
    able = sorted(name for name, by in PACKAGES if by == backend)
    if not able:
        raise ValueError(
            "Stages can be exported from the backends tensorflow, jax and "
            f"torch. Received: the backend {backend!r}. Start again with "
            "another KERAS_BACKEND, and load the saved model there."
        )
    if format not in able:
        raise ValueError(
            f"`format` must be {' or '.join(map(repr, able))} on the {backend} "
            f"backend. Received: format={format!r}, which Keras writes from "
            f"{backend} for a fixed batch size only, while the number of "
            f"images at a stage varies. Pass `format={able[0]!r}`, or load the "
            "saved model with KERAS_BACKEND=tensorflow or jax."
        )
    needed = PACKAGES[format, backend]
    missing = [n for n in needed if importlib.util.find_spec(n) is None]
    if missing:
        raise ImportError(
            f"Writing {format!r} from the {backend} backend needs "
            f"{' and '.join(missing)}, which cannot be found. "
            f"Run `pip install {_to_install(missing)}`."
        )


def write_graph(graph: StageGraph, format: str, path: pathlib.Path) -> None:
    """Writes a graph whose input is called `inputs`, for any batch size."""
    signature = keras.InputSpec(
        shape=graph.inputs_spec.shape,
        dtype=graph.inputs_spec.dtype,
        name="inputs",
    )
    try:
        with warnings.catch_warnings():
            # Tracers warn of all that they fix, such as shapes of weights.
            # What matters is checked: the answers of what they write.
            warnings.simplefilter("ignore")
            graph.export(
                path, format=format, verbose=False, input_signature=[signature]
            )
        if format == "onnx":
            finish_onnx(path, list(graph.outputs_spec))
    except (ImportError, OSError):
        raise
    except Exception as error:
        raise ValueError(
            f"{path.name!r} cannot be written in the format {format!r} from "
            f"the {keras.config.backend()} backend. Received: "
            f"{str(error).strip().splitlines()[:1]}. Try another format, or "
            "load the saved model with another KERAS_BACKEND and export it "
            "there."
        ) from error


def run_stage(
    path: pathlib.Path, format: str, inputs: np.ndarray
) -> Mapping[str, Any] | None:
    """Returns what an exported stage answers, or None if it cannot be run."""
    if format == "tf_saved_model":
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))  # It owns the variables.
        outputs = loaded.serve(tf.constant(inputs))
        return {name: value.numpy() for name, value in outputs.items()}
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {"inputs": inputs})
    return dict(zip(names, values, strict=True))


def _to_install(missing: list[str]) -> str:
    """Returns what to give to pip: the extra holds what is light."""
    if missing == ["tensorflow"]:
        return "tensorflow"
    extra = '"keras-lt[export]"'
    return f"{extra} jax2onnx" if "jax2onnx" in missing else extra
