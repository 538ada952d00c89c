"""CBD: a class-balanced student of teachers that saw the data as they are.

Two stages, after Iscen et al. (2021):

1. The teachers are trained on batches as the data are, each with a seed of its
   own, the second half of them with strong augmentation where the application
   has it. Each is a run like any other, in a folder `teacher_1` and so on
   inside that of the student. Runs that are finished can stand in for them.
2. The student, from scratch, follows their features on class-balanced batches.

A student with early exits follows them with the features of its last exit. If
its features are to be robust as well (`applications.dro_lt`), both terms count
from the start, on class-aware batches.
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras

from applications import dro_lt
from applications.classification import classification
from applications.finished_run import FinishedRun
from applications.first_stage import loss_of_mixed
from applications.methods import combine
from applications.run_folder import RunFolder
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import objectives
from keras_lt import training

if TYPE_CHECKING:
    from applications.recipe import Recipe

SHARED = (
    "imbalance_factor",
    "profile",
    "schedule",
    "epochs",
    "validation_fraction",
    "validation_per_class",
    "backbone",
    "pretrained",
    "pretrained_weights",
    "image_size",
    "data_dir",
    "broken_images",
    "split_seed",
    "device_data",
    "steps_per_execution",
    "verbose",
)
"""Settings that a teacher has in common with its student."""


def find_teachers(recipe: "Recipe", settings: Settings) -> list[FinishedRun]:
    """Returns the runs of the teachers, after training those that lack.

    Args:
        recipe: Of the application.
        settings: Those of the student.

    Returns:
        One run or more; none if the method has no teachers.
    """
    if not combine(settings.method).distilled:
        return []
    RunFolder.check(recipe.name, settings)  # Before the long part.
    chosen = settings.distillation
    if chosen.teacher_runs:
        return [_read(one) for one in chosen.teacher_runs]
    if settings.directory is not None:
        return _trained(recipe, settings, settings.directory)
    with tempfile.TemporaryDirectory() as folder:
        return _trained(recipe, settings, pathlib.Path(folder))


def student_projection(
    backbone: keras.Model, teachers: Sequence[FinishedRun], settings: Settings
) -> int | None:
    """Returns the `projection_dim` of a student; None without teachers."""
    if not teachers:
        return None
    return objectives.projection_dim(
        [run.model for run in teachers],
        backbone,
        settings.distillation.projection_mode,
    )


def stages(setup: Setup) -> list[training.Stage]:
    """Returns the one stage that trains the student.

    Raises:
        ValueError: If a teacher was trained on other images, or on pixels
            that were scaled in another way.
    """
    for run in setup.teachers:
        run.check_images(setup.application, setup.split, setup.evaluation)
    stage = classification(setup, name="student")
    loss = setup.method.make_balanced_loss(setup.split.class_counts)
    terms = [*(stage.objectives or ()), distillation(setup)]
    batches = stage.batches
    if setup.method.robust:
        weight = setup.settings.robustness.weight
        terms.append(dro_lt.robust_term(setup, weight))
        batches = dro_lt.class_aware(setup)
    return [
        dataclasses.replace(
            stage,
            batches=batches,
            loss=loss_of_mixed(loss, setup.settings),
            objectives=terms,
        )
    ]


def distillation(setup: Setup) -> objectives.FeatureDistillation:
    """Returns the objective, with the teachers in it."""
    settings = setup.settings.distillation
    return objectives.FeatureDistillation(
        [run.model for run in setup.teachers],
        alpha=settings.alpha,
        beta=settings.beta,
        combine=settings.combine,
        projection_mode=settings.projection_mode,
        logit_weight=settings.logit_weight,
        temperature=settings.temperature,
        class_counts=setup.split.class_counts,
    )


def teacher_settings(
    recipe: "Recipe", settings: Settings, number: int, folder: pathlib.Path
) -> Settings:
    """Returns the settings of a teacher, which follow from the student's.

    Args:
        recipe: Of the application.
        settings: Those of the student.
        number: Which teacher, from 0.
        folder: Where its run goes.
    """
    chosen = settings.distillation
    strong = recipe.has_strong and 2 * number >= chosen.teachers > 1
    return Settings(
        method=chosen.teacher_method,
        augmentation="strong" if strong else "plain",
        seed=100 * (settings.seed + 1) + number,
        output_dir=str(folder),
        resume=True,
        training=settings.training.of_teachers(),
        **{name: getattr(settings, name) for name in SHARED},
    )


def _trained(
    recipe: "Recipe", settings: Settings, folder: pathlib.Path
) -> list[FinishedRun]:
    runs = []
    for number in range(settings.distillation.teachers):
        own = folder / f"teacher_{number + 1}"
        chosen = recipe.filled(teacher_settings(recipe, settings, number, own))
        RunFolder.check(recipe.name, chosen)  # Also one that is finished.
        if not (own / "result.json").exists():
            recipe.run(chosen)
        runs.append(_read(own))
    return runs


def _read(folder: str | pathlib.Path) -> FinishedRun:
    run = FinishedRun(folder, "teacher_runs")
    _ = run.model  # Now, as the folder may be a temporary one.
    return run
