"""Trains a model as the settings say, and judges it on the test images."""

import keras
import numpy as np

from applications.batches import in_order
from applications.exits import use_exits
from applications.methods import Method
from applications.result import Result
from applications.run_folder import RunFolder
from applications.schedules import Schedule
from applications.settings import Settings
from keras_lt import data
from keras_lt import models
from keras_lt import training


def train_and_judge(
    application: str,
    model: models.ClassificationModel,
    split: data.Split,
    batches: data.Batches,
    evaluation: data.transforms.Transform,
    method: Method,
    schedule: Schedule,
    settings: Settings,
) -> Result:
    """Trains to the last epoch, and looks at the test images once.

    Args:
        application: Name of the folder of the recipe.
        model: The model, untrained.
        split: The data, with a test part.
        batches: The batches of `split.train`.
        evaluation: The transform without augmentation.
        method: How to rebalance.
        schedule: Epochs and learning rates.
        settings: The choices of the run.
    """
    folder = RunFolder.open(application, settings)
    counts = split.class_counts
    validation = None
    if split.validation is not None:
        validation = in_order(split.validation, evaluation)
    stage = training.Stage(
        name="training",
        epochs=schedule.epochs,
        batches=batches,
        loss=method.make_loss(counts),
        optimizer=schedule.optimizer(),
        metrics=["accuracy"],
        callbacks=[
            keras.callbacks.LearningRateScheduler(schedule.rate()),
            *method.make_callbacks(counts, schedule.deferred_epoch),
        ],
        validation=validation,
    )
    history = training.train(
        model,
        [stage],
        directory=folder.checkpoints,
        verbose=settings.verbose,
    )
    exits = None
    if isinstance(model, models.EarlyExitModel):
        logits, exits = use_exits(
            model, split, evaluation, settings.max_accuracy_loss
        )
    else:
        logits = predict(model, split.test, evaluation)
    result = Result(
        application=application,
        split=split,
        settings=settings,
        schedule=schedule,
        provenance=folder.provenance,
        history=history,
        images_per_epoch=min(
            len(batches) * schedule.batch_size, len(split.train)
        ),
        logits=logits,
        held_out_logits=predict(model, split.validation, evaluation),
        exits=exits,
    )
    folder.save(model, result)
    return result


def predict(
    model: keras.Model,
    examples: data.Examples | None,
    evaluation: data.transforms.Transform,
) -> np.ndarray | None:
    """Returns the logits of the examples, in their order."""
    if examples is None:
        return None
    return model.predict(in_order(examples, evaluation), verbose=0)
