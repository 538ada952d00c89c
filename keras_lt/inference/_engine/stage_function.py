"""What is compiled: a stage, its exit, and who leaves there."""

from collections.abc import Callable

import keras
from keras import ops

from keras_lt.inference._engine.flow import Outputs
from keras_lt.ops.early_exit import certainty
from keras_lt.types import Tensor


def stage_function(
    stage: keras.layers.Layer,
    branch: keras.layers.Layer,
    thresholds: keras.Variable,
    position: int,
    measure: str,
) -> Callable[[Tensor], Outputs]:
    """Returns a function of a batch of features, or of images.

    Args:
        stage: Makes the features at this exit.
        branch: Makes logits of them.
        thresholds: One for each exit but the last.
        position: Of the stage, from 0.
        measure: A name that `certainty` knows.
    """
    is_last = position == thresholds.shape[0]

    def run(rows: Tensor) -> Outputs:
        features = stage(rows, training=False)
        logits = ops.cast(branch(features, training=False), "float32")
        if is_last:
            return logits, None, None
        threshold = ops.convert_to_tensor(thresholds)[position]
        leaves = ops.greater(certainty(logits, measure), threshold)
        return logits, leaves, features

    return run


def variables_of(
    stage: keras.layers.Layer,
    branch: keras.layers.Layer,
    thresholds: keras.Variable,
) -> list[keras.Variable]:
    """Returns what the function of a stage reads, each variable once."""
    found = [*stage.variables, *branch.variables, thresholds]
    return list({id(variable): variable for variable in found}.values())
