"""Reports on a run that is finished, from the files that it left."""

import json
import pathlib

import numpy as np

from applications import find_recipe
from applications.experiment import predict as answer
from applications.finished_run import FinishedRun
from applications.settings import Settings
from applications.split_check import changed_parts
from keras_lt import data
from keras_lt import posthoc
from keras_lt import report


def judge(
    folder: pathlib.Path,
    tau: float = 0.0,
    predict: bool = True,
    data_dir: str | None = None,
) -> report.ReportCard:
    """Returns the report of a run.

    Args:
        folder: The output folder of the run.
        tau: Strength of logit adjustment.
        predict: Whether the saved model answers the test images anew. If not,
            its earlier answers are used, and no data is needed.
        data_dir: Where the data lies, if not where it was.

    Raises:
        ValueError: If the folder does not hold a finished run, or the images
            are no longer divided as they were.
    """
    result = FinishedRun(folder, "run").record
    counts = result["class_counts"]
    if predict:
        logits, labels = _predict(folder, data_dir)
    else:
        logits, labels = _stored(folder)
    adjusted = posthoc.adjust_logits(logits, counts, tau)
    return report.from_logits(
        adjusted,
        labels,
        counts,
        result["class_names"],
        name=folder.name if not tau else f"{folder.name}, tau={tau:g}",
        history=result["history"],
        meta={
            "data": result["application"],
            "seed": result["seed"],
            "examples": result.get("images", {}).get("test"),
        },
    )


def data_of(
    folder: pathlib.Path, data_dir: str | None = None
) -> tuple[data.Split, data.transforms.Transform]:
    """Returns the data of a run, and what its test images go through.

    Args:
        folder: The output folder of the run.
        data_dir: Where the data lies, if not where it was.

    Raises:
        ValueError: If the images are no longer divided as they were.
    """
    start = json.loads((folder / "settings.json").read_text())
    saved = {**start["settings"], "data_dir": data_dir or start["data_dir"]}
    settings = Settings.from_json(saved)
    recipe = find_recipe(start["application"])
    split = recipe.load(settings)
    changed = changed_parts(start, split)
    if changed:
        raise ValueError(
            "A run must be judged on the test images that it left out. "
            f"Received: {str(folder)!r}, which had other {changed[0]} images "
            "than there are now. Put the files back as they were; its "
            "earlier answers need no images (--nopredict)."
        )
    return split, recipe.evaluation(settings)


def _stored(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "logits.npz", allow_pickle=False) as arrays:
        return arrays["logits"], arrays["labels"]


def _predict(
    folder: pathlib.Path, data_dir: str | None
) -> tuple[np.ndarray, np.ndarray]:
    split, evaluation = data_of(folder, data_dir)
    model = FinishedRun(folder, "run").model
    return answer(model, split.test, evaluation), split.test.y
