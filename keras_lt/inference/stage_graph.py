"""One stage and its branch, as one graph to be written."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.types import Tensor


class StageGraph(keras.Model):
    """Gives the next feature map and the logits of one exit.

    It is a model of its own, and not a functional one of the two layers, as
    that would leave its traces in the layers of the user.

    Args:
        stage: Maps images, or a feature map, to the next feature map.
        branch: Maps that feature map to logits.
        inputs: Shape and dtype of what the stage takes.
        is_last: Whether no stage follows, so that the feature map is not
            among the outputs.
    """

    def __init__(
        self,
        stage: keras.layers.Layer,
        branch: keras.layers.Layer,
        inputs: keras.KerasTensor,
        is_last: bool,
    ) -> None:
        super().__init__(dtype="float32")
        self.stage = stage
        self.branch = branch
        self.is_last = is_last
        self.built = True
        self.inputs_spec = inputs
        self.outputs_spec = self.compute_output_spec(inputs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Any:
        features = self.stage(inputs, training=False)
        logits = ops.cast(self.branch(features, training=False), "float32")
        if self.is_last:
            return {"logits": logits}
        # In the order of the alphabet, as that is how JAX sorts them.
        return {"features": features, "logits": logits}


def stage_graphs(
    stages: Sequence[keras.Model], branches: Sequence[keras.layers.Layer]
) -> list[StageGraph]:
    """Returns a graph for each stage, with shapes that fit one another."""
    inputs = _images_of(stages[0])
    graphs: list[StageGraph] = []
    for k, (stage, branch) in enumerate(zip(stages, branches, strict=True)):
        graph = StageGraph(stage, branch, inputs, k + 1 == len(stages))
        graphs.append(graph)
        inputs = graph.outputs_spec.get("features")
    widths = [tuple(g.outputs_spec["logits"].shape[1:]) for g in graphs]
    if len(widths[0]) != 1 or len(set(widths)) > 1:
        raise ValueError(
            "`branches` must give logits of shape (n, classes), with the same "
            f"classes at each exit. Received: {widths}, without the n. Give "
            "the classifiers the same number of outputs."
        )
    return graphs


def _images_of(stage: keras.Model) -> keras.KerasTensor:
    """Returns what stands for the images in the first stage."""
    try:
        (images,) = stage.inputs
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            "The first of `stages` must be a functional model of one input, "
            f"so that the shape of images is known. Received: {stage!r}. Call "
            "it on a `keras.Input` and make a `keras.Model` of the result."
        ) from error
    if None in images.shape[1:]:
        raise ValueError(
            "The first of `stages` must take images of one size, as some "
            f"backends write graphs of fixed sizes only. Received: shape "
            f"{tuple(images.shape)}. Give the backbone an input shape, and "
            "load the weights into it."
        )
    return images
