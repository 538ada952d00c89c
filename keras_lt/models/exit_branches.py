"""Makes the branches of a model with exits."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.graph.layer_tree import all_layers
from keras_lt.layers import ExitBlock
from keras_lt.layers import ExitBranch
from keras_lt.layers import MixedPooling
from keras_lt.layers.pooling import make_pooling
from keras_lt.models.heads import check_classifier
from keras_lt.models.heads import make_classifier
from keras_lt.models.heads import make_projection

Shape = tuple[Any, ...]
BODIES = ("auto", "pooled", "block", "mixed_pool")
"""The kinds of branches that are known by name."""


def make_branches(
    branch: Any,
    classifier: str | keras.layers.Layer,
    shapes: Sequence[Shape],
    num_classes: int,
    projection_dim: int | None,
    synchronized: bool = False,
    dtype: Any = None,
) -> list[ExitBranch]:
    """Returns one branch for each shape of a feature map, built.

    The last one has no body, as it is the ordinary head of the backbone. It
    alone has the projection, and the classifier itself; others have copies.
    Blocks normalise over all replicas if `synchronized`. Bodies known by name
    have the policy `dtype`.
    """
    last = len(shapes) - 1
    bodies = [*_bodies(branch, shapes, synchronized, dtype), None]
    made = []
    for k, (shape, body) in enumerate(zip(shapes, bodies, strict=True)):
        head = make_classifier(classifier, num_classes)
        features = keras.KerasTensor(shape, "float32")
        if body is not None:
            with keras.name_scope(f"exit_{k + 1}"):
                features = body(features)
        made.append(
            ExitBranch(
                head if k == last else _copy(head),
                body=body,
                pooling=make_pooling(features.shape),
                projection=(
                    make_projection(projection_dim)
                    if projection_dim is not None and k == last
                    else None
                ),
                dtype="float32",
                name=f"exit_{k + 1}",
            )
        )
    for one, shape in zip(made, shapes, strict=True):
        one.build(shape)
        logits = one.compute_output_shape(shape)
        check_classifier(one.classifier, logits[-1], num_classes)
    return made


def is_synchronized(backbone: keras.Model) -> bool:
    """Tells whether a layer of a backbone normalises over all replicas."""
    return any(
        getattr(layer, "synchronized", False) for layer in all_layers(backbone)
    )


def _bodies(
    branch: Any, shapes: Sequence[Shape], synchronized: bool, dtype: Any
) -> list[keras.layers.Layer | None]:
    """Returns a body for each exit but the last."""
    early = shapes[:-1]
    if isinstance(branch, keras.layers.Layer):
        return [_copy(branch) for _ in early]
    if isinstance(branch, Sequence) and not isinstance(branch, str):
        if len(branch) != len(early):
            raise ValueError(
                "`branch` must hold one layer for each exit but the last, "
                f"{len(early)}. Received: {len(branch)}. Give one layer, to "
                "use a copy of it at each exit."
            )
        return list(branch)
    if branch == "auto":
        branch = "block" if _are_maps_of_images(shapes) else "pooled"
    if branch == "pooled":
        return [None for _ in early]
    if branch not in BODIES:
        raise ValueError(
            f"`branch` must be one of {', '.join(map(repr, BODIES))}, a layer, "
            f"or a layer for each exit but the last. Received: {branch!r}."
        )
    for shape in shapes:
        if len(shape) != 4:
            raise ValueError(
                f"`branch={branch!r}` must follow feature maps of images, "
                "(batch, height, width, channels). Received: a map of shape "
                f"{tuple(shape)}. Use 'pooled', or a layer of your own."
            )
    if branch == "mixed_pool":
        return [MixedPooling(name="body", dtype=dtype) for _ in early]
    return [_block(one, shapes[-1], synchronized, dtype) for one in early]


def _are_maps_of_images(shapes: Sequence[Shape]) -> bool:
    return all(len(shape) == 4 and shape[1] is not None for shape in shapes)


def _block(
    shape: Shape, last: Shape, synchronized: bool, dtype: Any
) -> ExitBlock:
    """Returns a block that ends near the last map in size and channels."""
    if shape[1] is None or last[1] is None:
        raise ValueError(
            "`branch='block'` must know the height of the feature maps. "
            f"Received: maps of shape {tuple(shape)} and {tuple(last)}. Give "
            "the backbone an input shape, or pass `layers.ExitBlock(filters)`."
        )
    steps, height = 1, -(-shape[1] // 2)
    while height > last[1]:
        steps, height = steps + 1, -(-height // 2)
    growth = (last[-1] / shape[-1]) ** (1 / steps)
    filters = [round(shape[-1] * growth**n) for n in range(1, steps + 1)]
    return ExitBlock(
        filters,
        separable=True,
        synchronized=synchronized,
        name="body",
        dtype=dtype,
    )


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a layer of the same configuration, with weights of its own."""
    return type(layer).from_config(_unshared(layer.get_config()))


def _unshared(config: Any) -> Any:
    """Returns a configuration without the marks of objects that are one.

    While Keras loads a model, what has one mark becomes one object: the layers
    inside a body would be those of all exits.
    """
    if isinstance(config, dict):
        return {
            key: _unshared(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    if isinstance(config, list | tuple):
        return type(config)(_unshared(value) for value in config)
    return config
