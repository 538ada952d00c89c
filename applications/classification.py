"""The stage that every recipe has: all layers, on the loss alone."""

import keras

from applications.first_stage import loss_of_mixed
from applications.setup import Setup
from keras_lt import training


def classification(setup: Setup, name: str = "training") -> training.Stage:
    """Returns a stage over the epochs of the schedule."""
    method, schedule = setup.method, setup.schedule
    counts = setup.split.class_counts
    return training.Stage(
        name=name,
        epochs=schedule.epochs,
        batches=setup.batches(
            method.make_sampler(schedule.epochs, schedule.deferred_epoch),
            mixed=True,
        ),
        loss=loss_of_mixed(method.make_loss(counts), setup.settings),
        optimizer=schedule.optimizer(),
        metrics=["accuracy"],
        objectives=method.make_objectives(),
        callbacks=[
            keras.callbacks.LearningRateScheduler(schedule.rate()),
            *method.make_callbacks(counts, schedule.deferred_epoch),
        ],
        validation=setup.held_out(),
    )
