"""Step time of an `EarlyExitModel` against its network in plain Keras."""

import keras
import numpy as np

from keras_lt.models import EarlyExitModel
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import row
from scripts.benchmarks._in_turn import seconds_of


def run(
    model: EarlyExitModel, images: np.ndarray, batch_size: int, repeats: int
) -> dict:
    """Trains both on the same batches.

    The plain model has the same stages and branches, one output for each exit
    and the sum of their losses. Its metric is that of the last exit.

    Returns:
        The row of the ratio.
    """
    generator = np.random.default_rng(0)
    labels = generator.integers(
        model.num_classes, size=len(images), dtype="int32"
    )
    plain = _plain_model(model)
    model.compile(_optimizer(), _loss(), metrics=["accuracy"])
    quiet = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
    all_labels = [labels] * model.num_exits

    def ours() -> float:
        return seconds_of(lambda: model.fit(images, labels, **quiet))

    def theirs() -> float:
        return seconds_of(lambda: plain.fit(images, all_labels, **quiet))

    ours(), theirs()  # Compile.
    measured = ratios(ours, theirs, repeats)
    return row("training step / plain multi-output", measured, "<= 1.15")


def _plain_model(model: EarlyExitModel) -> keras.Model:
    """Returns a copy, with weights of its own."""
    copy = keras.models.clone_model(model)
    inputs = keras.Input(copy.stages[0].input_shape[1:])
    features, outputs = inputs, []
    for stage, branch in zip(copy.stages, copy.branches, strict=True):
        features = stage(features)
        outputs.append(branch(features))
    plain = keras.Model(inputs, outputs)
    last_only = [[]] * (model.num_exits - 1) + [["accuracy"]]
    losses = [_loss() for _ in outputs]
    plain.compile(_optimizer(), losses, metrics=last_only)
    return plain


def _optimizer() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.01, momentum=0.9)


def _loss() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
