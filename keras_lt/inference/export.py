"""Writes the stages of a network with exits as files for other programs."""

import importlib.resources
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.inference.export_manifest import FORMAT_VERSION
from keras_lt.inference.export_manifest import MANIFEST
from keras_lt.inference.export_manifest import RULE
from keras_lt.inference.export_manifest import check_class_names
from keras_lt.inference.export_manifest import describe_preprocessing
from keras_lt.inference.export_manifest import describe_tensor
from keras_lt.inference.export_manifest import made_with
from keras_lt.inference.export_manifest import write_manifest
from keras_lt.inference.stage_answers import check_answers
from keras_lt.inference.stage_answers import random_inputs
from keras_lt.inference.stage_formats import SUFFIXES
from keras_lt.inference.stage_formats import check_format
from keras_lt.inference.stage_formats import write_graph
from keras_lt.inference.stage_graph import StageGraph
from keras_lt.inference.stage_graph import stage_graphs
from keras_lt.inference.whole_folder import whole_folder
from keras_lt.ops.early_exit import MEASURES
from keras_lt.types import Config
from keras_lt.validation import check_choice
from keras_lt.validation import check_fraction

RUNNER = "run_stages.py"


def export_stages(
    stages: Sequence[keras.Model],
    branches: Sequence[keras.layers.Layer],
    thresholds: Sequence[float],
    folder: str | os.PathLike[str],
    *,
    measure: str = "confidence",
    format: str = "onnx",
    class_names: Sequence[str] | None = None,
    preprocessing: Any = None,
    flops: Sequence[int] | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes each stage with its branch as one graph, and what joins them.

    A graph takes a batch of any size, called `inputs`, and gives `features`,
    which the next one takes, and `logits`. Beside the graphs lie
    `manifest.json`, with all that a program needs to stop early, and for ONNX
    `run_stages.py`, which does so with onnxruntime and NumPy alone.

    Each graph is run once after it is written, and must answer as Keras does
    (ONNX where onnxruntime is installed). The folder appears when it is whole.

    `EarlyExitModel.export_stages` calls this with its own parts.

    Args:
        stages: The trunk in pieces: images to the first feature map, and each
            feature map to the next. The first is a functional model.
        branches: What turns each feature map into logits `(n, classes)`.
        thresholds: One for each stage but the last, 0 to 1. An image leaves
            where its score is greater.
        folder: A name that is free, or an empty folder.
        measure: The score: `"confidence"`, the largest softmax probability,
            or `"entropy"`, 1 less the entropy as a share of its maximum.
        format: `"onnx"`, on every backend, or `"tf_saved_model"`, on
            TensorFlow and JAX.
        class_names: Names in the order of the logits.
        preprocessing: What the runner does to images: a
            `data.transforms.Normalize`, or the `Compose` of one.
        flops: Work of each stage with its branch, for the manifest.
        overwrite: Whether an earlier export in `folder` is replaced, whole.

    Returns:
        The folder.

    Raises:
        ValueError: If the parts do not fit each other, the backend cannot
            write the format or one of the layers, or `folder` is in use.
        ImportError: If a package is missing; it says which.

    Example:

    ```python
    keras_lt.inference.export_stages(
        model.stages, model.branches, model.threshold, "exported"
    )
    runner = keras_lt.inference.StagedRunner("exported")
    logits, exits = runner.predict(images)
    ```
    """
    check_format(format)
    check_choice("measure", measure, MEASURES)
    limits = _check_parts(stages, branches, thresholds, flops)
    steps = describe_preprocessing(preprocessing)
    graphs = stage_graphs(stages, branches)
    num_classes = graphs[0].outputs_spec["logits"].shape[-1]
    content = {
        "format": format,
        "format_version": FORMAT_VERSION,
        "made_with": made_with(),
        "input": describe_tensor(graphs[0].inputs_spec),
        "preprocessing": steps,
        "num_classes": num_classes,
        "class_names": check_class_names(class_names, num_classes),
        "measure": measure,
        "thresholds": limits,
        "rule": RULE,
    }
    with whole_folder(folder, overwrite, MANIFEST) as partial:
        content["stages"] = _write_graphs(graphs, flops, format, partial)
        if format == "onnx":
            source = importlib.resources.files("keras_lt.inference")
            text = (source / "staged_runner.py").read_text(encoding="utf-8")
            (partial / RUNNER).write_text(text, encoding="utf-8")
        write_manifest(partial, content)
    return pathlib.Path(folder)


def _check_parts(
    stages: Sequence[keras.Model],
    branches: Sequence[keras.layers.Layer],
    thresholds: Sequence[float],
    flops: Sequence[int] | None,
) -> list[float]:
    """Returns the thresholds, rounded to what Keras compares with."""
    number = len(stages)
    wanted = {"branches": number, "thresholds": number - 1}
    given = {"branches": len(branches), "thresholds": len(thresholds)}
    if flops is not None:
        wanted["flops"], given["flops"] = number, len(flops)
    if not number or given != wanted:
        raise ValueError(
            "`stages` must be one or more, with as many `branches` and "
            "`flops`, and one of `thresholds` for each but the last. "
            f"Received: {number} stages and {given}. Pass those of one model."
        )
    limits = np.asarray(thresholds, dtype="float32").tolist()
    return [check_fraction("thresholds", limit) for limit in limits]


def _write_graphs(
    graphs: Sequence[StageGraph],
    flops: Sequence[int] | None,
    format: str,
    folder: pathlib.Path,
) -> list[Config]:
    """Writes the graphs, and returns what the manifest says of them."""
    described = []
    sample: Any = random_inputs(graphs[0].inputs_spec)
    for k, graph in enumerate(graphs):
        path = folder / f"stage_{k + 1}{SUFFIXES[format]}"
        write_graph(graph, format, path)
        sample = check_answers(graph, format, path, sample)
        described.append(
            {
                "file": path.name,
                "inputs": {"inputs": describe_tensor(graph.inputs_spec)},
                "outputs": {
                    name: describe_tensor(tensor)
                    for name, tensor in graph.outputs_spec.items()
                },
                "flops": None if flops is None else int(flops[k]),
            }
        )
    return described
