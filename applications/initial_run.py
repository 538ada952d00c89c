"""Starts from the weights of a finished run, in place of the first stage."""

import json
import pathlib
from typing import Any

import keras

from applications.methods import combine
from applications.setup import Setup

NETWORK = ("backbone",)
"""Settings that decide the network, whatever the method."""

EXITS = ("exits", "branch")
"""Settings that decide it if there are exits."""

SETTINGS = ("class_weights", "thresholds", "exit_weights")
"""Variables of a model that a run sets, and does not learn."""

ORIGIN = ("seed", "commit", "date", "seconds")
"""What is kept of where the run comes from."""


def load_initial_run(setup: Setup) -> dict[str, Any] | None:
    """Gives the model the weights of the run that the settings name.

    Returns:
        What the result of this run says about the other; None if the
        settings name none.

    Raises:
        ValueError: If the run is not finished, or is of another application,
            other training images or another network.
    """
    initial_run = setup.settings.robustness.initial_run
    if initial_run is None:
        return None
    folder = pathlib.Path(initial_run)
    record = _read(folder)
    _check_same("application", setup.application, record["application"], folder)
    _check_method(setup, record, folder)
    _check_network(setup, record, folder)
    _check_images(setup, record, folder)
    _load(setup.model, folder)
    settings = record["settings"]
    return {
        "folder": folder.name,
        "method": settings["method"],
        "augmentation": settings.get("augmentation", "plain"),
        "epochs": record["schedule"]["epochs"],
        "scores": record["scores"]["as_trained"],
        **{name: record[name] for name in ORIGIN},
    }


def _read(folder: pathlib.Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "result.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            "`initial_run` must be the output folder of a training that is "
            f"finished. Received: {str(folder)!r}, without a result that can "
            f"be read ({error}). Train it to its end first."
        ) from error


def _check_method(
    setup: Setup, record: dict[str, Any], folder: pathlib.Path
) -> None:
    method = combine(record["settings"]["method"])
    if method.robust:
        raise ValueError(
            "`initial_run` must be a run of the first stage alone. Received: "
            f"{str(folder)!r}, whose method has dro_lt. Take one without."
        )
    heads = [one.classifier or "linear" for one in (setup.method, method)]
    _check_same("classifier", *heads, folder)
    _check_same("early exits", setup.method.exits, method.exits, folder)


def _check_network(
    setup: Setup, record: dict[str, Any], folder: pathlib.Path
) -> None:
    own = json.loads(json.dumps(setup.settings.what_is_trained()))
    names = NETWORK + (EXITS if setup.method.exits else ())
    for name in names:
        _check_same(name, own[name], record["settings"][name], folder)


def _check_images(
    setup: Setup, record: dict[str, Any], folder: pathlib.Path
) -> None:
    """Compares what decides which images are trained on."""
    split, other = setup.split, record["split"]
    for name, own in split.settings.items():
        # Images that the subset leaves over change nothing in training.
        if name != "validation_per_class":
            flag = "split_seed" if name == "seed" else name
            _check_same(flag, own, other.get(name), folder)
    _check_same("class_names", split.class_names, record["class_names"], folder)
    _check_same(
        "class_counts", split.class_counts, record["class_counts"], folder
    )


def _check_same(name: str, own: Any, other: Any, folder: pathlib.Path) -> None:
    if own == other:
        return
    if isinstance(own, list):
        own, other = f"{len(own)} entries", f"others, {len(other)} in all"
    raise ValueError(
        "`initial_run` must be a run of the same application, training images "
        f"and network. Received: {str(folder)!r}, of {name}={other!r}, for "
        f"one of {own!r}. Train one like this, or leave out --initial_run."
    )


def _load(model: keras.Model, folder: pathlib.Path) -> None:
    """Copies what was learned; thresholds and the like stay as they are."""
    path = folder / "model.keras"
    try:
        saved = keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            "`initial_run` must hold a model that can be read. Received: "
            f"{str(path)!r} ({error}). Train it anew."
        ) from error
    own, other = _learned(model), _learned(saved)
    if [v.shape for v in own] != [v.shape for v in other]:
        raise ValueError(
            "`initial_run` must hold the weights of the same network. "
            f"Received: {str(path)!r} with {len(other)} variables, for a "
            f"network with {len(own)}, or some of other shapes. Train one "
            "like this, or leave out --initial_run."
        )
    for variable, value in zip(own, other, strict=True):
        variable.assign(keras.ops.convert_to_numpy(value))


def _learned(model: keras.Model) -> list[keras.Variable]:
    return [one for one in model.weights if one.name not in SETTINGS]
