"""DRO-LT: features that are robust to where the centroids really are.

Three stages, after Samuel and Chechik (2021):

1. `classification`: the schedule of the recipe, on batches as the data are,
   with the loss of the method. It is the run that has the method but for
   `dro_lt`, so that one that is finished can stand in for it
   (`applications.initial_run`).
2. `features`: the classifier is frozen, and the features follow it and the
   robust term, on class-aware batches. The classification loss weighs the
   classes as they are in the data; the robust term weighs them alike.
3. `classifier`: the features are frozen, and the classifier is adapted to
   them, on class-aware batches.

The joint form has one stage, in which both losses count from the start. What
else a method adds to the loss counts in the first stage, or the joint one.
"""

import keras
import numpy as np

from applications.classification import classification
from applications.setup import Setup
from keras_lt import callbacks
from keras_lt import data
from keras_lt import objectives
from keras_lt import samplers
from keras_lt import training

SAMPLES_PER_CLASS = 4
"""Images of a class that a batch holds at once; 128 have 32 classes."""

FEATURE_SHARE, CLASSIFIER_SHARE = 80 / 200, 20 / 200
"""Lengths of the second and third stage, by that of the schedule.

An epoch has as many draws as there are training images. In the released code
it has as many of each class as the largest has, 4.6 times the draws for
CIFAR-100 with imbalance 100: `--feature_epochs` makes up for that.
"""


def stages(setup: Setup) -> list[training.Stage]:
    """Returns the stages of the method, as the settings say.

    Raises:
        ValueError: If the method has parts that the joint form has no room
            for.
    """
    settings = setup.settings.robustness
    if settings.form == "joint":
        return [joint(setup)]
    later = [features(setup), classifier(setup)]
    if setup.settings.initial_run is not None:
        return later
    first = classification(setup, name="classification")
    return [first, *later]


def features(setup: Setup) -> training.Stage:
    """Returns the stage that trains all but the classifier."""
    settings = setup.settings.robustness
    counts = setup.split.class_counts
    return training.Stage(
        name="features",
        epochs=settings.feature_epochs or _share(setup, FEATURE_SHARE),
        batches=class_aware(setup),
        loss=setup.method.make_loss(counts),
        optimizer=setup.schedule.optimizer(settings.feature_rate),
        metrics=["accuracy"],
        objectives=[robust_term(setup, settings.weight)],
        trainable="backbone",
        callbacks=[class_weights(setup, np.divide(counts, max(counts)))],
        validation=setup.held_out(),
    )


def classifier(setup: Setup) -> training.Stage:
    """Returns the stage that trains the classifier alone."""
    settings = setup.settings.robustness
    counts = setup.split.class_counts
    return training.Stage(
        name="classifier",
        epochs=settings.classifier_epochs or _share(setup, CLASSIFIER_SHARE),
        batches=class_aware(setup),
        loss=setup.method.make_balanced_loss(counts),
        optimizer=setup.schedule.optimizer(settings.classifier_rate),
        metrics=["accuracy"],
        objectives=(),
        trainable="classifier",
        callbacks=[class_weights(setup, np.ones(len(counts)))],
        validation=setup.held_out(),
    )


def joint(setup: Setup) -> training.Stage:
    """Returns the one stage that trains everything on both losses."""
    settings = setup.settings.robustness
    counts = setup.split.class_counts
    share, rate = settings.joint_lambda, setup.schedule.rate()
    _check_room_for_joint(setup)
    return training.Stage(
        name="joint",
        epochs=setup.schedule.epochs,
        batches=class_aware(setup),
        loss=setup.method.make_loss(counts),
        optimizer=setup.schedule.optimizer(),
        metrics=["accuracy"],
        objectives=[
            *setup.method.make_objectives(),
            robust_term(setup, settings.weight * (1 - share), share),
        ],
        callbacks=[
            keras.callbacks.LearningRateScheduler(rate),
            class_weights(setup, np.divide(counts, max(counts))),
        ],
        validation=setup.held_out(),
    )


def robust_term(
    setup: Setup, weight: float, base_weight: float = 1.0
) -> objectives.Robustness:
    """Returns the objective; its centroids are those of what is trained on."""
    settings = setup.settings.robustness
    return objectives.Robustness(
        setup.split.class_counts,
        radius=settings.radius,
        mean_radius=settings.mean_radius,
        bound=settings.bound,
        distance=settings.distance,
        temperature=settings.temperature,
        centroids=settings.centroids,
        weight=weight,
        base_weight=base_weight,
    )


def class_aware(setup: Setup) -> data.Batches:
    """Returns batches that hold a few images of each of many classes."""
    return setup.batches(
        samplers.ClassAware(SAMPLES_PER_CLASS),
        setup.settings.robustness.batch_size,
    )


def class_weights(
    setup: Setup, weights: np.ndarray
) -> callbacks.VariableSchedule:
    """Returns what gives the model these weights throughout a stage.

    On batches that hold all classes alike, `n / max(n)` makes the classes
    count as they do in the data.
    """
    return callbacks.VariableSchedule(
        setup.model.class_weights, lambda epoch: weights
    )


def _share(setup: Setup, share: float) -> int:
    return max(1, round(setup.schedule.epochs * share))


def _check_room_for_joint(setup: Setup) -> None:
    for part in ("sampler", "callback"):
        if getattr(setup.method, part) is not None:
            raise ValueError(
                "The joint form must set the batches and the class weights "
                "itself. Received: --robust_form=joint with a method that "
                f"has a {part} of its own, in "
                f"{','.join(setup.settings.method)!r}. Take it out, or pass "
                "--robust_form=stages, where it is for the first stage."
            )
