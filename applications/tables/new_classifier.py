"""Another classifier on the features of a finished run, without training."""

import pathlib
from collections.abc import Sequence

from applications.batches import in_order
from applications.experiment import predict
from applications.finished_run import FinishedRun
from applications.judging import data_of
from applications.tables.answers import Answers
from keras_lt import posthoc


def tau_normalized(
    folders: Sequence[pathlib.Path],
    class_counts: Sequence[int],
    data_dir: str | None = None,
) -> Answers:
    """Returns answers of a run whose class weights are made of alike lengths.

    The exponent is the best one on the held-out images of the run.

    Args:
        folders: The output folder of a finished run with a linear classifier.
        class_counts: Number of training images of each class.
        data_dir: Where the data lies, if not where it was.

    Raises:
        ValueError: If the run has no held-out images.
    """
    (folder,) = folders
    split, evaluation = data_of(folder, data_dir)
    held_out = split.validation
    if held_out is None:
        raise ValueError(
            "A run must hold images out for the exponent to be chosen on. "
            f"Received: {str(folder)!r}, which held none out. Train it with "
            "--validation_per_class."
        )
    model = FinishedRun(folder, "run").model
    batches = in_order(held_out, evaluation)
    tau = posthoc.choose_tau_normalization(model, batches).tau
    balanced = posthoc.tau_normalized(model, tau)
    logits = predict(balanced, split.test, evaluation)
    return Answers(
        {"as_trained": logits}, split.test.y, tau, "chosen on held-out images"
    )


def nearest_class_mean(
    folders: Sequence[pathlib.Path],
    class_counts: Sequence[int],
    data_dir: str | None = None,
) -> Answers:
    """Returns the classes whose mean training features are nearest.

    Args:
        folders: The output folder of a finished run.
        class_counts: Number of training images of each class.
        data_dir: Where the data lies, if not where it was.
    """
    (folder,) = folders
    split, evaluation = data_of(folder, data_dir)
    model = posthoc.with_class_means(
        FinishedRun(folder, "run").model, in_order(split.train, evaluation)
    )
    logits = predict(model, split.test, evaluation)
    return Answers({"as_trained": logits}, split.test.y, 0.0, "not needed")
