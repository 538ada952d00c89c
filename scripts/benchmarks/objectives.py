"""What objectives cost, alone and in a training step."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt import models
from keras_lt.objectives import Robustness
from scripts.benchmarks._distillation import distillation_rows
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import seconds_of
from scripts.benchmarks._objective_step import objective_step
from scripts.benchmarks._objective_step import product_step

SMALL = {"batch_size": 128, "num_classes": 100, "dim": 64}
LARGE = {"batch_size": 512, "num_classes": 8142, "dim": 2048}
DISTILLED = {"batch_size": 64, "num_classes": 100, "numbers": (1, 4)}
CENTROIDS = ("epoch", "moving_average")
SAMPLES_PER_CLASS = 4


class WithoutPass(Robustness):
    """Leaves out the pass that finds centroids, once for each epoch."""

    def callbacks(
        self, x: Any = None, y: Any = None
    ) -> Sequence[keras.callbacks.Callback]:
        return []


def run(
    repeats: int,
    size: int = 1024,
    small: dict[str, int] = SMALL,
    large: dict[str, int] = LARGE,
    distilled: dict[str, Any] = DISTILLED,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    network: Callable[..., keras.Model] = models.resnet32,
) -> list[dict]:
    """Measures robustness, of both kinds of centroids, and distillation.

    Forward and backward of robustness are with respect to the features,
    compiled as in `fit`. What is compared runs in turn.

    Args:
        repeats: How often each number is measured.
        size: Number of images of a block of training.
        small: Sizes for the objective alone, and for the training.
        large: Sizes for the comparison with a matrix product.
        distilled: Sizes for distillation, and the numbers of teachers.
        image_shape: Of the images, which are noise.
        network: Makes the backbone from the shape of the images.

    Returns:
        Rows with the median of what was measured and its quartiles: six of
        robustness, and four for each number of teachers.
    """
    rows = []
    for kind in CENTROIDS:
        measured = _alone(kind, repeats, **small)
        rows.append(_row("alone, ms", kind, measured, "< 1"))
    for kind in CENTROIDS:
        measured = _against_product(kind, repeats, **large)
        rows.append(_row("large / matrix product", kind, measured, "<= 2"))
    batch_size, num_classes = small["batch_size"], small["num_classes"]
    generator = np.random.default_rng(0)
    images = generator.standard_normal((size, *image_shape), "float32")
    labels = _labels(size, num_classes, generator)

    def trained(objectives: list[Robustness]) -> Callable[[], float]:
        model = models.LongTailModel(network(image_shape), num_classes)
        return _training(model, objectives, images, labels, batch_size)

    without = trained([])
    for kind in CENTROIDS:
        measured = ratios(
            trained([_objective(kind, num_classes)]), without, repeats
        )
        rows.append(_row("training step / without", kind, measured, "<= 1.05"))
    for one in distillation_rows(
        repeats,
        size=size,
        image_shape=image_shape,
        network=network,
        **distilled,
    ):
        rows.append(_row(**one))
    return rows


def _row(what: str, variant: str, values: np.ndarray, target: str) -> dict:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {
        "backend": keras.config.backend(),
        "what": what,
        "variant": variant,
        "median": float(median),
        "quartiles": f"{low:.3f} to {high:.3f}",
        "repeats": len(values),
        "target": target,
    }


def _alone(
    kind: str, repeats: int, batch_size: int, num_classes: int, dim: int
) -> np.ndarray:
    """Returns the milliseconds of the objective, the mean of 100 calls."""
    step = _step(kind, batch_size, num_classes, dim)
    calls = range(100)
    found = []
    for _ in range(repeats):
        seconds = seconds_of(lambda: [step() for _ in calls])
        found.append(1000 * seconds / len(calls))
    return np.array(found)


def _against_product(
    kind: str, repeats: int, batch_size: int, num_classes: int, dim: int
) -> np.ndarray:
    """Returns the time in times of the product of features and centroids."""
    ours = _step(kind, batch_size, num_classes, dim)
    generator = np.random.default_rng(1)
    shapes = (batch_size, dim), (num_classes, dim), (batch_size, num_classes)
    product = product_step(
        *(generator.standard_normal(shape, "float32") for shape in shapes)
    )
    product()  # Compiles.
    return ratios(
        lambda: seconds_of(ours), lambda: seconds_of(product), repeats
    )


def _step(
    kind: str, batch_size: int, num_classes: int, dim: int
) -> Callable[[], np.ndarray]:
    """Returns the objective and its gradient, compiled and warm."""
    generator = np.random.default_rng(0)
    features = generator.standard_normal((batch_size, dim), "float32")
    objective = _objective(kind, num_classes)
    objective.build((None, dim))
    _give_centroids(objective)
    step = objective_step(
        objective, features, _labels(batch_size, num_classes, generator)
    )
    step(), step()
    return step


def _training(
    model: models.LongTailModel,
    objectives: list[Robustness],
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
) -> Callable[[], float]:
    """Returns what trains a model for an epoch, and says how long it took."""
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        objectives=objectives,
    )
    for objective in objectives:
        _give_centroids(objective)

    def seconds() -> float:
        quiet = {"shuffle": False, "verbose": 0}
        return seconds_of(
            lambda: model.fit(images, labels, batch_size, **quiet)
        )

    seconds()  # Compiles.
    return seconds


def _objective(kind: str, num_classes: int) -> Robustness:
    counts = np.geomspace(500, 5, num_classes).astype("int32")
    return WithoutPass(counts, centroids=kind)


def _give_centroids(objective: Robustness) -> None:
    shape = tuple(objective.centroids.shape)
    values = np.random.default_rng(2).standard_normal(shape, "float32")
    objective.set_centroids(values, np.ones(len(values)))


def _labels(
    size: int, num_classes: int, generator: np.random.Generator
) -> np.ndarray:
    """Returns class ids, as class-aware batches have them."""
    number = -(-size // SAMPLES_PER_CLASS)
    ids = generator.permutation(num_classes)[np.arange(number) % num_classes]
    return np.repeat(ids, SAMPLES_PER_CLASS)[:size].astype("int32")
