"""What a training of ImageNet-LT, iNaturalist or Places-LT costs.

The work is counted: stages, epochs and networks are those of the recipes. A
step is measured on this device, and what it sustains is extrapolated.
"""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np

from applications import cbd
from applications import large_images
from applications.distillation_settings import DistillationSettings
from applications.experiment import make_stages
from applications.finished_run import FinishedRun
from applications.imagenet_lt import recipe as imagenet_lt
from applications.inaturalist2018 import recipe as inaturalist2018
from applications.large_images import Benchmark
from applications.methods import combine
from applications.places_lt import recipe as places_lt
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import data
from keras_lt import models
from keras_lt import objectives
from keras_lt import training
from keras_lt.inference.flops import count_flops
from keras_lt.models.exit_costs import stage_flops
from scripts.benchmarks import scaling

BENCHMARKS = (
    imagenet_lt.BENCHMARK,
    inaturalist2018.BENCHMARK,
    places_lt.BENCHMARK,
)

IMAGES = {
    "imagenet_lt": {"train": 115_846, "validation": 20_000},
    "inaturalist2018": {"train": 437_513},
    "places_lt": {"train": 62_500, "validation": 7_300},
}
"""Images to train on, and to judge each epoch on, as published."""

METHODS = {
    "crossentropy": Settings(),
    "elf": Settings(method=("elf",)),
    "dro_lt": Settings(method=("dro_lt",)),
    "cbd, 1 teacher": Settings(method=("cbd",)),
    "cbd, 4 teachers": Settings(
        method=("cbd",), distillation=DistillationSettings(teachers=4)
    ),
    "elf,dro_lt,cbd, 1 teacher": Settings(method=("elf", "dro_lt", "cbd")),
}
"""What is asked of a recipe, by the name of the row."""

TRAINED, FROZEN = 3, 1
"""Forward passes that a step is worth: of what is trained, and what is not.

The gradients of maps and of weights take as many products each as the maps.
"""

GPU_TFLOPS = 40.0
"""Assumed, not measured: what a GPU sustains in bfloat16, of such networks.

A multiplication and an addition are two of these operations.
"""

GPUS = (1, 8, 32)
"""Numbers of GPUs that share the batches of the schedule."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Holds what one stage of a training computes, in multiply-adds.

    Args:
        images: Images of all its steps together.
        batch_size: Images of a step.
        step: Work of a step for an image.
        passes: Work of all that has no gradient: centroids and validation.
        gradients: Bytes of the gradients of a step.
    """

    images: int
    batch_size: int
    step: int
    passes: int
    gradients: int

    @property
    def operations(self) -> int:
        """Multiplications and additions of the stage."""
        return 2 * (self.images * self.step + self.passes)

    def seconds(self, speed: float, devices: int = 1) -> float:
        """Returns the time of all devices together.

        Args:
            speed: Operations a second that each of them sustains.
            devices: How many share a batch, and sum up the gradients.
        """
        step = 2 * self.step * self.batch_size / devices / speed
        sums = scaling.sum_seconds(self.gradients, devices)
        computing = scaling.efficiency(step, sums, overlap=0.0)
        trained = 2 * self.images * self.step / speed
        return trained / computing + 2 * self.passes / speed


def run(
    repeats: int,
    size: int = 8,
    image_size: tuple[int, int] = large_images.IMAGE_SIZE,
) -> list[dict]:
    """Measures a step of each backbone, and returns what trainings cost.

    Args:
        repeats: How many steps are timed; the median counts.
        size: Images of a step that is timed.
        image_size: Height and width of the images.

    Returns:
        One row for each application and method.
    """
    speeds: dict[str, tuple[float, float]] = {}
    rows = []
    for benchmark in BENCHMARKS:
        if benchmark.backbone not in speeds:
            setup = make_setup(benchmark, Settings(image_size=image_size))
            speeds[benchmark.backbone] = measured(setup, size, repeats)
        for name, chosen in METHODS.items():
            settings = dataclasses.replace(chosen, image_size=image_size)
            parts, model = parts_of(benchmark, settings)
            row = {"application": benchmark.name, "method": name}
            row |= costs(parts, model, *speeds[benchmark.backbone])
            rows.append(row)
        keras.utils.clear_session()  # Of models that are in cycles.
    return rows


def measured(setup: Setup, size: int, repeats: int) -> tuple[float, float]:
    """Returns the images and the operations a second of a training step."""
    model = setup.model
    loss = setup.method.make_loss(setup.split.class_counts)
    model.compile(setup.schedule.optimizer(), loss=loss)
    shape = model.backbone.inputs[0].shape[1:]
    images = size / scaling.step_seconds(model, size, shape, repeats)
    return images, 2 * TRAINED * forward(model) * images


def parts_of(
    benchmark: Benchmark, settings: Settings
) -> tuple[list[Part], models.ClassificationModel]:
    """Returns what a training consists of, teachers first, and its model."""
    settings = benchmark.filled(settings)
    parts: list[Part] = []
    teachers: list[FinishedRun] = []
    taught = 0
    if combine(settings.method).distilled:
        count = settings.distillation.teachers
        recipe = benchmark.recipe()
        own = cbd.teacher_settings(recipe, settings, 0, pathlib.Path())
        of_teacher, teacher = parts_of(benchmark, own)
        parts = count * of_teacher
        teachers = count * [_Untrained(teacher)]
        taught = count * FROZEN * forward(teacher)
    setup = make_setup(benchmark, settings, teachers)
    passed = forward(setup.model)
    for stage in make_stages(setup):
        step = step_work(setup.model, stage, passed) + taught
        parts.append(part_of(setup.model, stage, step, passed))
    return parts, setup.model


def make_setup(
    benchmark: Benchmark,
    settings: Settings,
    teachers: list[FinishedRun] | None = None,
) -> Setup:
    """Returns what a recipe trains, but for the images, which are blank."""
    settings = benchmark.filled(settings)
    parts = {
        name: data.Examples(
            np.broadcast_to(np.uint8(0), (number, *settings.image_size, 3)),
            np.arange(number) % benchmark.num_classes,
        )
        for name, number in IMAGES[benchmark.name].items()
    }
    names = [str(label) for label in range(benchmark.num_classes)]
    split = data.Split(class_names=names, **parts)
    return benchmark.recipe().make_setup(settings, split, teachers or [])


def part_of(
    model: models.ClassificationModel,
    stage: training.Stage,
    step: int,
    passed: int,
) -> Part:
    """Returns what a stage computes.

    Args:
        model: What is trained.
        stage: Of the recipe.
        step: Multiply-adds of a step for an image.
        passed: Those of an image through the model.
    """
    training.set_trainable(model, stage.trainable or "all")
    images = stage.batches.num_draws
    without_gradient = 0
    if stage.validation is not None:
        without_gradient += stage.validation.num_draws
    if any(_refreshes(one) for one in stage.objectives or ()):
        without_gradient += images
    return Part(
        images=stage.epochs * images,
        batch_size=stage.batches.batch_size,
        step=step,
        passes=stage.epochs * without_gradient * passed,
        gradients=scaling.gradient_bytes(model),
    )


def step_work(
    model: models.ClassificationModel, stage: training.Stage, passed: int
) -> int:
    """Returns the multiply-adds of a step for an image, without teachers."""
    if stage.trainable != "classifier":
        return TRAINED * passed
    classifier = count_flops(model.classifier, model.feature_shape(None))
    return FROZEN * passed + (TRAINED - FROZEN) * classifier


def forward(model: models.ClassificationModel) -> int:
    """Returns the multiply-adds of an image through a model, to all exits."""
    if isinstance(model, models.EarlyExitModel):
        return sum(stage_flops(model.stages, model.branches))
    return count_flops(model, model.backbone.inputs[0].shape)


def costs(
    parts: list[Part],
    model: models.ClassificationModel,
    images: float,
    speed: float,
) -> dict[str, Any]:
    """Returns the columns of a row.

    Args:
        parts: What the training consists of.
        model: What is trained last.
        images: Images a second of a plain step here.
        speed: Operations a second of that step.
    """
    hours = {
        f"GPU-h, {number} of {GPU_TFLOPS:g} TFLOP/s (assumed)": sum(
            part.seconds(1e12 * GPU_TFLOPS, number) / 3600 for part in parts
        )
        for number in GPUS
    }
    backbone = count_flops(model.backbone)
    return {
        "trained on, M images": sum(part.images for part in parts) / 1e6,
        "backbone, GMAC": backbone / 1e9,
        "head, GMAC": (forward(model) - backbone) / 1e9,
        "EFLOP": sum(part.operations for part in parts) / 1e18,
        "here, images/s": images,
        "here, GFLOP/s": speed / 1e9,
        "here, h": sum(part.seconds(speed) for part in parts) / 3600,
        **hours,
    }


class _Untrained(FinishedRun):
    """Stands in for the run of a teacher, which is as much work untrained."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def check_images(
        self,
        application: str,
        split: data.Split,
        evaluation: data.transforms.Transform,
    ) -> None:
        """Finds nothing, as there are no images."""


def _refreshes(objective: objectives.Objective) -> bool:
    """Tells whether the data are passed over for it before each epoch."""
    if not isinstance(objective, objectives.Robustness):
        return False
    return objective.centroid_kind == "epoch"
