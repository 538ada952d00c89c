"""Puts a backbone and a method together."""

import keras

from applications.methods import Method
from applications.settings import Settings
from keras_lt import models


def network(
    backbone: keras.Model,
    num_classes: int,
    method: Method,
    weight_decay: float,
    settings: Settings,
    projection_dim: int | None = None,
) -> models.ClassificationModel:
    """Returns the model, with exits if the method has them.

    Args:
        backbone: The network below the classifier.
        num_classes: Number of classes.
        method: How to rebalance.
        weight_decay: Coupled decay of all variables.
        settings: The choices of the run, of the exits among others.
        projection_dim: Width of a layer under the classifier, if any.
    """
    classifier = method.make_classifier(num_classes)
    kept = settings.training.rematerialize
    if not method.exits:
        return models.LongTailModel(
            backbone,
            num_classes,
            classifier=classifier,
            projection_dim=projection_dim,
            weight_decay=weight_decay,
            rematerialize=kept,
        )
    return models.EarlyExitModel(
        backbone,
        settings.exits,
        num_classes,
        classifier=classifier,
        branch=settings.branch,
        threshold=settings.threshold,
        training_threshold=settings.training_threshold,
        exit_weights=settings.exit_weights,
        trunk_gradient=settings.trunk_gradient,
        projection_dim=projection_dim,
        weight_decay=weight_decay,
        rematerialize=kept,
    )
