"""Cuts a backbone into the stages between its exits."""

from collections.abc import Sequence

import keras

from keras_lt.models.feature_extractor import check_backbone


def cut(backbone: keras.Model, exits: Sequence[str]) -> list[keras.Model]:
    """Cuts a backbone into stages that follow one another.

    The first stage takes images, each other one takes what the stage before
    returned, and the last one returns the output of the backbone. They share
    the layers of the backbone, so that they train with it.

    Args:
        backbone: A functional Keras model with one input and one output.
        exits: Names of layers, in the order in which images pass them.

    Returns:
        A list of `len(exits) + 1` models.
    """
    check_backbone(backbone)
    ends = [backbone.get_layer(name).output for name in exits]
    starts = [backbone.inputs[0], *ends]
    return [
        keras.Model(start, end, name=f"stage_{k}")
        for k, (start, end) in enumerate(
            zip(starts, [*ends, backbone.outputs[0]], strict=True), start=1
        )
    ]
