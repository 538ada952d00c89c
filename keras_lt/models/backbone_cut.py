"""Cuts a backbone into the stages between its exits."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_lt.graph import LayerNames
from keras_lt.graph import Place
from keras_lt.graph import check_backbone
from keras_lt.graph import check_names
from keras_lt.graph import check_runs_its_graph
from keras_lt.graph import single_ends
from keras_lt.graph import split


def cut(
    backbone: keras.Model,
    exits: Sequence[str],
    feature_layers: Sequence[str] = (),
) -> list[keras.Model]:
    """Cuts a backbone into stages that follow one another.

    The first stage takes images, each other one takes what the stage before
    returned, and the last one returns the output of the backbone. Run one
    after the other they are the backbone, without any difference. They share
    its layers, and so its weights: nothing is copied, and what one trains,
    the other has.

    A backbone can be cut at a layer through which all data pass, that is, not
    inside a residual block. `valid_exits` lists them. If a model is called
    inside the backbone, name its layers `model/layer`.

    Args:
        backbone: A functional Keras model with one input and one output.
        exits: Names of layers, in the order in which data pass them, or of
            pyramid levels such as `"P3"`, if the backbone is one of keras-cv
            or keras-hub. The output of the backbone is not among them.
        feature_layers: Names of layers whose outputs are wanted too. They
            need not be cuts.

    Returns:
        A list of `len(exits) + 1` models. One that holds any of
        `feature_layers` returns a mapping, with `out` for what the next stage
        takes and `features/<name>` for each of them. The others return a
        tensor.

    Raises:
        ValueError: If a name is not in the backbone, stands for a layer that
            is called more than once or has several outputs, or if the
            backbone cannot be cut there. The message names the nearest layers
            at which it can.

    Example:

    >>> backbone = keras_lt.models.resnet20((8, 8, 1))
    >>> stages = cut(backbone, ["stage_1", "stage_2"])
    >>> [stage.output_shape for stage in stages]
    [(None, 8, 8, 16), (None, 4, 4, 32), (None, 2, 2, 64)]
    >>> stages[1].get_layer("stage_2") is backbone.get_layer("stage_2")
    True
    """
    exits = check_names("exits", exits)
    feature_layers = check_names("feature_layers", feature_layers)
    names = _names(backbone)
    ends = [names.find_exit("exits", name) for name in exits]
    _check_order(names, exits, ends)
    parts = split(
        single_ends(backbone),
        [end.steps for end in ends],
        {
            name: names.find("feature_layers", name).steps
            for name in feature_layers
        },
        label="stage",
    )
    stages = [part.model for part in parts]
    _check_no_masks(exits, stages)
    return stages


def cut_finely(
    backbone: keras.Model,
    exits: Sequence[str],
    between: Sequence[str],
    feature_layers: Sequence[str] = (),
) -> list[list[keras.Model]]:
    """Cuts each stage between exits into parts that follow one another.

    Args:
        backbone: As in `cut`.
        exits: As in `cut`.
        between: Names of the further layers to cut at, in any order; those of
            exits change nothing.
        feature_layers: As in `cut`.

    Returns:
        For each stage, the list of its parts.

    Raises:
        ValueError: As `cut`.
    """
    names = _names(backbone)
    between = check_names("rematerialize", between)
    places = {name: names.find_exit("exits", name) for name in exits}
    for name in between:
        place = names.find_exit("rematerialize", name)
        if place not in places.values():  # Under this or another name.
            places[name] = place
    ends = sorted(places, key=lambda name: names.places.index(places[name]))
    stages: list[list[keras.Model]] = [[]]
    for end, part in zip(
        [*ends, None], cut(backbone, ends, feature_layers), strict=True
    ):
        stages[-1].append(part)
        if end in exits:
            stages.append([])
    return stages


def valid_exits(backbone: keras.Model) -> list[str]:
    """Lists the layers at which a backbone can be cut, first to last.

    All data pass these, so that what follows needs nothing else. Those inside
    a model that the backbone calls are named `model/layer`.

    Args:
        backbone: A functional Keras model with one input and one output.

    Raises:
        ValueError: If the backbone is of another kind.

    Example:

    >>> backbone = keras_lt.models.resnet20((8, 8, 1))
    >>> names = keras_lt.models.valid_exits(backbone)
    >>> names[:3]
    ['stem_conv', 'stem_bn', 'stem']
    >>> "stage_1" in names, "stage_1_block_2_1_conv" in names
    (True, False)
    """
    return _names(backbone).valid_exits()


def _names(backbone: keras.Model) -> LayerNames:
    check_backbone(backbone)
    check_runs_its_graph("backbone", backbone)
    return LayerNames(backbone)


def _check_no_masks(
    exits: Sequence[str], stages: Sequence[keras.Model]
) -> None:
    """Raises if a mask would have to pass from one stage to the next."""
    for name, stage in zip(exits, stages, strict=False):
        output = stage.output
        if isinstance(output, dict):
            output = output["out"]
        if getattr(output, "_keras_mask", None) is not None:
            raise ValueError(
                "A backbone must be cut where its features have no mask, as "
                "stages hand on features alone. Received: "
                f"{name!r}, whose output has one. Cut where it is used up, as "
                "after a pooling or a recurrent layer that returns its last "
                "state, or make the features without `mask_zero` or `Masking`."
            )


def _check_order(
    names: LayerNames, exits: Sequence[str], ends: Sequence[Place]
) -> None:
    positions = [names.places.index(end) for end in ends]
    for number, position in enumerate(positions):
        first = positions.index(position)
        if first != number:
            raise ValueError(
                "`exits` must name different places. Received: "
                f"{exits[first]!r} and {exits[number]!r}, which are the same "
                "tensor. Leave one out."
            )
    if positions != sorted(positions):
        ordered = [exits[i] for i in np.argsort(positions)]
        raise ValueError(
            "`exits` must be in the order in which data pass them. Received: "
            f"exits={list(exits)}. Write exits={ordered}."
        )
