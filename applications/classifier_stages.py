"""A second stage that fits the classifier to features that are kept.

After Kang et al. (2020). The first stage is the training that the method has
without it, or a finished run of that (`applications.initial_run`). Then, on
class-balanced batches, with plain cross-entropy and all else frozen:

- `crt`: a new classifier is trained, or the trained one goes on. It is one more
  stage of the same model. With a bound on the norms of classes, which follows
  from the trained classifier, it is after Alshammari et al. (2022);
  `training.retrained_classifier` says in what it differs from their code.
- `lws`: a scale of each class's logit is trained. It is another model, whose
  classifiers have scales, with the weights of the first.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from applications.methods import crossentropy
from applications.setup import Setup
from keras_lt import models
from keras_lt import samplers
from keras_lt import training

SHARES = {"crt": 10 / 90, "lws": 5 / 90}
"""Length of the second stage, by that of the schedule."""


def stages(setup: Setup) -> list[training.Stage]:
    """Returns what the model is trained on last: nothing, or cRT."""
    unbound = setup.settings.training.max_norm is None
    if setup.method.classifier_stage == "crt" and unbound:
        return [retraining(setup)]
    return []


def retraining(
    setup: Setup, max_norm: Sequence[float] | None = None
) -> training.Stage:
    """Returns the stage of cRT, with norms bounded if there are bounds."""
    chosen = setup.settings.training
    kept = {"reset": ()} if chosen.classifier_start == "trained" else {}
    return training.retrained_classifier(
        **_arguments(setup),
        name="crt",
        max_norm=max_norm,
        weight_decay=chosen.retraining_decay,
        **kept,
    )


def train(
    setup: Setup,
    first_stages: Sequence[training.Stage],
    checkpoints: pathlib.Path | None,
) -> tuple[models.ClassificationModel, list[dict[str, Any]]]:
    """Trains the stages, and what can only be set up after them.

    These are the scales of logits, and a classifier with bounds.

    Args:
        setup: What is trained.
        first_stages: The stages of the model; none if it is trained already.
        checkpoints: Where the state goes, or None.

    Returns:
        The trained model, and the rows of all epochs.
    """
    verbose = setup.settings.verbose
    model, history = setup.model, []
    if first_stages:
        history += training.train(
            model,
            setup.compiled(first_stages),
            folder=checkpoints,
            verbose=verbose,
        )
    share = setup.settings.training.max_norm
    # The seed of the epochs follows from here, also where the first stages
    # were finished before.
    if setup.method.classifier_stage == "lws":
        keras.utils.set_random_seed(setup.settings.seed)
        model = training.with_weight_scaling(model)
        stage = training.weight_scaling(**_arguments(setup), name="lws")
    elif share is not None:
        keras.utils.set_random_seed(setup.settings.seed)
        stage = retraining(setup, training.norm_limits(model, share))
    else:
        return model, history
    history += training.train(
        model,
        setup.compiled([stage]),
        folder=None if checkpoints is None else checkpoints / stage.name,
        verbose=verbose,
    )
    return model, history


def _arguments(setup: Setup) -> dict[str, Any]:
    """Returns what both kinds of stages are made with."""
    settings, schedule = setup.settings, setup.schedule
    share = SHARES[str(setup.method.classifier_stage)]
    epochs = max(1, round(schedule.epochs * share))
    return {
        "batches": setup.batches(samplers.ClassBalanced()),
        "epochs": settings.retraining_epochs or epochs,
        "learning_rate": settings.retraining_rate or schedule.learning_rate,
        "loss": crossentropy(setup.split.class_counts),
        "metrics": ["accuracy"],
        "validation": setup.held_out(),
    }
