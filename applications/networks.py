"""Puts a backbone and a method together."""

import keras

from applications.methods import Method
from applications.settings import Settings
from keras_lt import models
from keras_lt import training


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
    chosen = settings.training
    if chosen.lora_rank is not None:
        # Before the model is made, which lets what is trained decay.
        training.enable_lora(backbone, chosen.lora_rank)
    model = _model(
        backbone, num_classes, method, weight_decay, settings, projection_dim
    )
    if chosen.trainable is not None:
        training.set_trainable(model, ["head", *chosen.trainable])
    if chosen.trainable_layers is not None:
        last = training.last_layers(model, chosen.trainable_layers)
        training.set_trainable(model, last)
    return model


def _model(
    backbone: keras.Model,
    num_classes: int,
    method: Method,
    weight_decay: float,
    settings: Settings,
    projection_dim: int | None,
) -> models.ClassificationModel:
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
    branch: str | keras.layers.Layer = settings.branch
    if branch == "auto" and isinstance(backbone, models.TransformerBackbone):
        branch = backbone.exit_branch()
    return models.EarlyExitModel(
        backbone,
        settings.exits,
        num_classes,
        classifier=classifier,
        branch=branch,
        threshold=settings.threshold,
        training_threshold=settings.training_threshold,
        exit_weights=settings.exit_weights,
        trunk_gradient=settings.trunk_gradient,
        projection_dim=projection_dim,
        weight_decay=weight_decay,
        rematerialize=kept,
    )
