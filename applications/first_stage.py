"""What the stage that trains all layers has, whatever the method."""

import dataclasses

import keras

from applications.settings import Settings
from keras_lt import callbacks
from keras_lt import training
from keras_lt.data import transforms


def mixing(settings: Settings, num_classes: int) -> list[transforms.Transform]:
    """Returns the transform that mixes pairs of images, or none."""
    chosen = settings.training
    if chosen.mixing == "none":
        return []
    kinds = {"mixup": transforms.Mixup, "cutmix": transforms.CutMix}
    return [kinds[chosen.mixing](num_classes, alpha=chosen.mixing_alpha)]


def loss_of_mixed(
    loss: keras.losses.Loss, settings: Settings
) -> keras.losses.Loss:
    """Returns the same loss for the labels that there are.

    Those of mixed images are shares of classes, which all losses take but for
    one of Keras's.
    """
    sparse = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    if settings.training.mixing == "none" or not sparse:
        return loss
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def averaged(stage: training.Stage, settings: Settings) -> training.Stage:
    """Returns the stage, which ends with averaged weights if so set."""
    momentum = settings.training.ema
    if momentum is None:
        return stage
    config = {
        **stage.optimizer.get_config(),
        "use_ema": True,
        "ema_momentum": momentum,
    }
    return dataclasses.replace(
        stage,
        optimizer=type(stage.optimizer).from_config(config),
        callbacks=[*stage.callbacks, callbacks.AverageWeights(stage.batches)],
    )
