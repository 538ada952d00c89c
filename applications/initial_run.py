"""Starts from the weights of a finished run, in place of the first stage."""

import json
from typing import Any

import keras

from applications.finished_run import FinishedRun
from applications.methods import combine
from applications.settings import RETRAINING
from applications.setup import Setup
from keras_lt.graph.layer_tree import use_assigned_values

NETWORK = ("backbone",)
"""Settings that decide the network, whatever the method."""

EXITS = ("exits", "branch")
"""Settings that decide it if there are exits."""

SETTINGS = ("class_weights", "thresholds", "exit_weights")
"""Variables of a model that a run sets, and does not learn."""


def load_initial_run(setup: Setup) -> dict[str, Any] | None:
    """Gives the model the weights of the run that the settings name.

    Returns:
        What the result of this run says about the other; None if the
        settings name none.

    Raises:
        ValueError: If the run is not finished, or is of another application,
            other training images, other pixels or another network.
    """
    initial_run = setup.settings.initial_run
    if initial_run is None:
        return None
    run = FinishedRun(initial_run, "initial_run")
    run.check_images(setup.application, setup.split, setup.evaluation)
    _check_method(setup, run)
    _check_network(setup, run)
    _load(setup.model, run)
    return run.origin()


def _check_method(setup: Setup, run: FinishedRun) -> None:
    names = run.record["settings"]["method"]
    method = combine(names)
    further = [name for name in names if name in ("dro_lt", *RETRAINING)]
    if further:
        raise ValueError(
            "`initial_run` must be a run of the first stage alone. Received: "
            f"{str(run.path)!r}, whose method has {further[0]}. Take one "
            "without."
        )
    heads = [one.classifier or "linear" for one in (setup.method, method)]
    run.check_same("classifier", *heads)
    run.check_same("early exits", setup.method.exits, method.exits)


def _check_network(setup: Setup, run: FinishedRun) -> None:
    own = json.loads(json.dumps(setup.settings.what_is_trained()))
    names = NETWORK + (EXITS if setup.method.exits else ())
    for name in names:
        if own[name] is not None:  # Or the application has one network.
            run.check_same(name, own[name], run.record["settings"][name])


def _load(model: keras.Model, run: FinishedRun) -> None:
    """Copies what was learned; thresholds and the like stay as they are."""
    own, other = _learned(model), _learned(run.model)
    if [v.shape for v in own] != [v.shape for v in other]:
        raise ValueError(
            "`initial_run` must hold the weights of the same network. "
            f"Received: {str(run.path)!r} with {len(other)} variables, for a "
            f"network with {len(own)}, or some of other shapes. Train one "
            "like this, or leave out --initial_run."
        )
    for variable, value in zip(own, other, strict=True):
        variable.assign(keras.ops.convert_to_numpy(value))
    use_assigned_values(model)


def _learned(model: keras.Model) -> list[keras.Variable]:
    return [one for one in model.weights if one.name not in SETTINGS]
