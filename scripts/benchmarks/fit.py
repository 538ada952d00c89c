"""Step time of a `LongTailModel` against the same network in plain Keras."""

import time
from collections.abc import Callable

import keras
import numpy as np

from keras_lt import models

TARGET = 1.05
"""The most that a step may take, in steps of plain Keras."""


def run(
    repeats: int,
    batch_size: int = 128,
    steps: int = 8,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 100,
    network: Callable[..., keras.Model] = models.resnet32,
) -> list[dict]:
    """Trains both in turn, in blocks, so that both see the same machine.

    Each repeat trains plain Keras, ours, ours and plain Keras, and takes the
    ratio of the times.

    Args:
        repeats: Number of ratios; 15 or more settle the median.
        batch_size: Images of a step.
        steps: Steps of a block.
        image_shape: Of the images, which are noise.
        num_classes: Number of classes.
        network: Makes the backbone from the shape of the images.

    Returns:
        One row, with the median of the ratios and their quartiles.
    """
    generator = np.random.default_rng(0)
    size = (steps * batch_size, *image_shape)
    images = generator.standard_normal(size, "float32")
    labels = generator.integers(num_classes, size=len(images), dtype="int32")

    def seconds(model: keras.Model) -> float:
        start = time.perf_counter()
        model.fit(images, labels, batch_size, shuffle=False, verbose=0)
        return time.perf_counter() - start

    plain = _compiled(_plain_model(network(image_shape), num_classes))
    ours = _compiled(models.LongTailModel(network(image_shape), num_classes))
    for model in (plain, ours):
        seconds(model)  # Compiles, and warms up.
    pairs = []
    for _ in range(repeats):
        first, *both, last = (seconds(m) for m in (plain, ours, ours, plain))
        pairs.append((first + last, sum(both)))
    times = np.array(pairs) / (2 * steps)  # Each pair is two blocks.
    ratios = times[:, 1] / times[:, 0]
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return [
        {
            "backend": keras.config.backend(),
            "plain_ms": 1000 * float(np.median(times[:, 0])),
            "keras_lt_ms": 1000 * float(np.median(times[:, 1])),
            "ratio": float(median),
            "quartiles": f"{low:.3f} to {high:.3f}",
            "repeats": repeats,
            "target": TARGET,
        }
    ]


def _plain_model(backbone: keras.Model, num_classes: int) -> keras.Model:
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    logits = keras.layers.Dense(num_classes, dtype="float32")(pooled)
    return keras.Model(backbone.input, logits)


def _compiled(model: keras.Model) -> keras.Model:
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
