"""What exits save in use, against what they could, and cost in training."""

from collections.abc import Callable

import keras
import numpy as np

from keras_lt import models
from keras_lt.inference import thresholds_for_shares
from keras_lt.ops.early_exit import certainty
from scripts.benchmarks import _exit_step
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import row
from scripts.benchmarks._in_turn import seconds_of

SHARES = (0.3, 0.3, 0.4)
"""Of the images, at each exit."""


def run(
    repeats: int,
    size: int = 8192,
    batch_size: int = 128,
    steps: int = 8,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 100,
    network: Callable[..., keras.Model] = models.resnet32,
) -> list[dict]:
    """Predicts noise with three thresholds, and trains.

    The ideal time is the sum over the stages of the number of images that
    reach it, times what the stage takes for an image, measured alone on full
    batches with its exit.

    Args:
        repeats: Number of ratios of each row.
        size: Number of images to predict.
        batch_size: Images of a batch.
        steps: Batches of a block of training.
        image_shape: Of the images, which are noise.
        num_classes: Number of classes.
        network: Makes the backbone from the shape of the images.

    Returns:
        Four rows, with the median of the ratios and their quartiles.
    """
    generator = np.random.default_rng(0)
    images = generator.standard_normal((size, *image_shape), "float32")
    model = models.EarlyExitModel(
        network(image_shape),
        exits=["stage_1", "stage_2"],
        num_classes=num_classes,
        branch="pooled",
    )
    return [
        _saving(model, images, batch_size, repeats),
        _nobody_leaves(model, images, batch_size, repeats),
        _all_leave_first(model, images, batch_size, repeats),
        _exit_step.run(
            model, images[: steps * batch_size], batch_size, repeats
        ),
    ]


def _saving(
    model: models.EarlyExitModel,
    images: np.ndarray,
    batch_size: int,
    repeats: int,
) -> dict:
    logits = model.exit_logits(images, batch_size=batch_size, verbose=0)
    scores = certainty(logits[:, :-1])
    model.threshold = thresholds_for_shares(
        keras.ops.convert_to_numpy(scores), SHARES
    )
    measured = _against_ideal(model, images, batch_size, repeats)
    return row("ideal / predict, 30/30/40 % leave", 1 / measured, ">= 0.93")


def _all_leave_first(
    model: models.EarlyExitModel,
    images: np.ndarray,
    batch_size: int,
    repeats: int,
) -> dict:
    model.threshold = 0.0
    measured = _against_ideal(model, images, batch_size, repeats)
    return row("predict / first stage, all leave there", measured, "<= 1.2")


def _against_ideal(
    model: models.EarlyExitModel,
    images: np.ndarray,
    batch_size: int,
    repeats: int,
) -> np.ndarray:
    """Returns the time of `predict` in ideal times."""
    quiet = {"batch_size": batch_size, "verbose": 0}
    exits = model.predict_with_exits(images, **quiet).exits  # Compiles.
    timed = max(1, len(images) // batch_size // 4)

    def ideal() -> float:
        by_exit = np.array(model.exit_seconds(batch_size, timed))
        return float(by_exit[exits - 1].sum())

    def ours() -> float:
        return seconds_of(lambda: model.predict(images, **quiet))

    return ratios(ours, ideal, repeats)


def _nobody_leaves(
    model: models.EarlyExitModel,
    images: np.ndarray,
    batch_size: int,
    repeats: int,
) -> dict:
    model.threshold = 1.0
    plain = model.as_functional()
    quiet = {"batch_size": batch_size, "verbose": 0}

    def ours() -> float:
        return seconds_of(lambda: model.predict(images, **quiet))

    def theirs() -> float:
        return seconds_of(lambda: plain.predict(images, **quiet))

    ours(), theirs()  # Compile.
    measured = ratios(ours, theirs, repeats)
    return row("predict / plain Keras, nobody leaves", measured, "<= 1.10")
