"""Trains a model as the settings say, and judges it on the test images."""

import keras
import numpy as np

from applications import cbd
from applications import classifier_stages
from applications import dro_lt
from applications.batches import in_order
from applications.classification import classification
from applications.exits import use_exits
from applications.first_stage import averaged
from applications.initial_run import load_initial_run
from applications.result import Result
from applications.run_folder import RunFolder
from applications.setup import Setup
from keras_lt import data
from keras_lt import models
from keras_lt import training


def train_and_judge(setup: Setup) -> Result:
    """Trains to the last epoch, and looks at the test images once."""
    split, settings = setup.split, setup.settings
    stages = make_stages(setup)
    initial_run = load_initial_run(setup)
    teachers = [run.origin() for run in setup.teachers]
    origins = teachers + ([] if initial_run is None else [initial_run])
    folder = RunFolder.open(setup.application, settings, split, origins)
    if settings.training.classifier_start == "class_means":
        seen = in_order(split.train, setup.evaluation, settings.broken_images)
        training.initialize_from_class_means(setup.model, seen)
    model, history = classifier_stages.train(setup, stages, folder.checkpoints)
    exits = None
    if isinstance(model, models.EarlyExitModel):
        logits, exits = use_exits(
            model, split, setup.evaluation, settings.max_accuracy_loss
        )
    else:
        logits = predict(model, split.test, setup.evaluation)
    result = Result(
        application=setup.application,
        split=split,
        settings=settings,
        schedule=setup.schedule,
        provenance=folder.provenance,
        history=history,
        logits=logits,
        held_out_logits=predict(model, split.validation, setup.evaluation),
        exits=exits,
        initial_run=initial_run,
        teachers=teachers,
    )
    folder.save(model, result)
    return result


def make_stages(setup: Setup) -> list[training.Stage]:
    """Returns what the method of a run trains, one after the other."""
    stages = _stages(setup)
    # Averages are refused where the first stage is one that was trained before.
    return [averaged(one, setup.settings) for one in stages[:1]] + stages[1:]


def _stages(setup: Setup) -> list[training.Stage]:
    further = classifier_stages.stages(setup)
    if setup.method.distilled:
        return [*cbd.stages(setup), *further]
    if setup.method.robust:
        return [*dro_lt.stages(setup), *further]
    if setup.method.classifier_stage is None:
        return [classification(setup)]
    if setup.settings.initial_run is not None:
        return further
    return [classification(setup, name="classification"), *further]


def predict(
    model: keras.Model,
    examples: data.Examples | None,
    evaluation: data.transforms.Transform,
) -> np.ndarray | None:
    """Returns the logits of the examples, in their order."""
    if examples is None:
        return None
    return model.predict(in_order(examples, evaluation), verbose=0)
