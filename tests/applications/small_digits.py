"""Digits with a network that compiles in a second."""

import contextlib
import dataclasses

import keras
import pytest

from applications.digits_lt import recipe
from keras_lt import report


def small_network():
    """Two stages, with batch normalization in both."""
    x = images = keras.Input((8, 8, 1))
    for name in ("stage_1", "stage_2"):
        x = keras.layers.Conv2D(4, 3, strides=2, name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=name)(x)
    return keras.Model(images, x)


SMALL = dataclasses.replace(recipe.RECIPE, backbone=small_network)


def setup_of(settings, monkeypatch):
    """Returns what the recipe puts together, with the small network."""
    with monkeypatch.context() as patch:
        patch.setattr(
            "applications.recipe.train_and_judge", lambda setup: setup
        )
        return SMALL.run(settings)


@contextlib.contextmanager
def quick_recipe(with_plots=lambda folder: False):
    """The recipe with the small network, and plots for some folders only."""
    save = report.ReportCard.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "RECIPE", SMALL)
        patch.setattr(
            report.ReportCard,
            "save",
            lambda card, folder: save(card, folder, plots=with_plots(folder)),
        )
        yield
