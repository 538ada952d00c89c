"""The epoch that a training was restored at."""

import keras


def forget_restored_epoch(model: keras.Model) -> None:
    """Lets the next `fit` of a model begin at its first epoch.

    `BackupAndRestore` notes where a training goes on, in a private attribute
    that Keras never clears: every `fit` afterwards would leave out as many
    epochs, without a word.
    """
    if getattr(model, "_initial_epoch", None):
        model._initial_epoch = None
