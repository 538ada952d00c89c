"""Recipes: one folder per benchmark, with its results.

Here are the names that the command line offers, so that `--help` can list
them before Keras is imported, and what finds the recipe of one of them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from applications.recipe import Recipe

APPLICATIONS = (
    "digits_lt",
    "cifar10_lt",
    "cifar100_lt",
    "imagenet_lt",
    "inaturalist2018",
    "places_lt",
    "image_folder",
)

METHODS = (
    "crossentropy",
    "logit_adjusted",
    "balanced_softmax",
    "ldam",
    "ldam_drw",
    "class_balanced",
    "focal",
    "label_aware_smoothing",
    "cosine",
    "drw",
    "elf",
    "exit_distillation",
    "dro_lt",
    "cbd",
    "crt",
    "lws",
    "class_balanced_sampling",
    "square_root_sampling",
    "progressive_sampling",
    "effective_number_sampling",
    "deferred_resampling",
)
"""Ways of rebalancing, as `applications.methods` builds them."""

SCHEDULES = ("ldam", "short", "cosine", "decoupling", "distillation")
"""Lengths and learning rates, as `applications.schedules` builds them."""


def find_recipe(name: str) -> "Recipe":
    """Returns the recipe of one of `APPLICATIONS`."""
    return importlib.import_module(f"applications.{name}.recipe").RECIPE
