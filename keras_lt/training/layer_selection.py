"""Which layers of a model a stage trains or resets."""

from collections.abc import Callable
from collections.abc import Iterator

import keras

from keras_lt.graph.layer_tree import own_to_train
from keras_lt.layers import ExitBranch
from keras_lt.layers.low_rank_updates import adapted_layers
from keras_lt.layers.low_rank_updates import train_updates_alone
from keras_lt.models import ClassificationModel
from keras_lt.training.stage import Selection


class ClassifierName(str):
    """Names a classifier: one layer, if one has this very name.

    Another layer whose name only starts alike, as `dense_1` beside `dense`, is
    a part of the features then.
    """


def set_trainable(model: keras.Model, selection: Selection | None) -> None:
    """Trains the selected layers of a model, and freezes the others.

    What is frozen stays as it is, bit for bit: batch normalization then uses
    its moving statistics, and does not change them. In a backbone with
    low-rank updates (`enable_lora`), a selected layer trains its updates
    alone. What a model inside trains itself, beside its layers, is trained if
    all of these are. The objectives of a model are left alone: their state is
    theirs.

    Compile the model afterwards. A `Stage` does both, with `trainable`.

    Args:
        model: A `LongTailModel`, an `EarlyExitModel`, or any other model.
        selection: `"all"`, `"classifier"`, `"head"` (all above the backbone:
            projection, exit branches, classifiers), `"backbone"` (all but the
            classifier), the start of a layer's name, several of these, or a
            function from a layer to whether it belongs, such as
            `last_layers(model, 20)`. `None` leaves the model as it is.

    Raises:
        ValueError: If a name fits no layer.

    Example:

    >>> backbone = keras_lt.models.resnet20((8, 8, 1))
    >>> model = keras_lt.LongTailModel(backbone, num_classes=10)
    >>> keras_lt.training.set_trainable(model, ["stage_3", "head"])
    >>> any("stage_1" in v.path for v in model.trainable_variables)
    False
    """
    if selection is None:
        return
    chosen = {id(layer) for layer in selected_layers(model, selection)}
    # A frozen model hides what is trainable in it, so all are opened first.
    for container in _containers(model):
        container.trainable = True
    adapted = _layers_of_adapted_backbone(model)
    for _, layer in _leaves(model):
        layer.trainable = id(layer) in chosen
        if layer.trainable and (id(layer) in adapted or adapted_layers(layer)):
            train_updates_alone(layer)
    for container in _containers(model):
        inside = [layer for _, layer in _leaves(container)]
        for variable in own_to_train(container):
            variable.trainable = all(id(one) in chosen for one in inside)


def last_layers(
    model: keras.Model, count: int
) -> Callable[[keras.layers.Layer], bool]:
    """Selects the last layers of a backbone, and the head above it.

    For fine-tuning that keeps what the early layers know.

    Args:
        model: A `LongTailModel` or an `EarlyExitModel`; of another model, the
            last layers are selected, whatever they do.
        count: Number of layers with weights, each normalization being one; 0
            selects the head alone.

    Returns:
        What `set_trainable` and `Stage(trainable=...)` take.

    Raises:
        ValueError: If there are not as many layers.

    Example:

    >>> backbone = keras_lt.models.resnet20((8, 8, 1))
    >>> model = keras_lt.LongTailModel(backbone, num_classes=10)
    >>> chosen = keras_lt.training.last_layers(model, 2)
    >>> keras_lt.training.set_trainable(model, chosen)
    >>> len(model.trainable_variables)  # of convolution, scale and head
    5
    """
    own = isinstance(model, ClassificationModel)
    backbone = model.backbone if own else model
    layers = [layer for _, layer in _leaves(backbone) if layer.weights]
    if not 0 <= count <= len(layers):
        raise ValueError(
            "`count` must be a number of layers with weights, from 0 to "
            f"{len(layers)} for {backbone.name!r}. Received: count={count}."
        )
    chosen = layers[len(layers) - count :]
    if own:
        chosen += selected_layers(model, "head")
    ids = {id(layer): layer for layer in chosen}
    return lambda layer: id(layer) in ids


def reset_layers(model: keras.Model, selection: Selection) -> None:
    """Gives the selected layers new random weights."""
    if not callable(selection) and not selection:
        return
    for layer in selected_layers(model, selection):
        # The statistics of images are no weights to draw.
        if not layer.weights or isinstance(layer, keras.layers.Normalization):
            continue
        layer.set_weights(_fresh(layer).get_weights())


def _fresh(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a layer like this one, with weights of its own."""
    fresh = type(layer).from_config(layer.get_config())
    config = layer.get_build_config() or {}
    is_built_by_call = type(layer).build is keras.layers.Layer.build
    if is_built_by_call and "input_shape" in config:
        fresh(keras.KerasTensor(config["input_shape"]))
    else:
        fresh.build_from_config(config)
    return fresh


def selected_layers(
    model: keras.Model, selection: Selection
) -> list[keras.layers.Layer]:
    """Returns the layers that a selection names, innermost ones only.

    Raises:
        ValueError: If a name fits no layer.
    """
    leaves = list(_leaves(model))
    if callable(selection):
        return [layer for _, layer in leaves if selection(layer)]
    names = [selection] if isinstance(selection, str) else list(selection)
    chosen: dict[int, keras.layers.Layer] = {}
    for name in names:
        found = _named(model, leaves, name) if name else []
        if not found and isinstance(name, ClassifierName):
            raise ValueError(
                "`classifier` must be the name of the layer that makes the "
                f"logits. Received: classifier={str(name)!r}, which fits none "
                f"of {len(leaves)} layers, from {leaves[0][0]!r} to "
                f"{leaves[-1][0]!r}. Pass the name that `model.layers` tells."
            )
        if not found:
            raise ValueError(
                "A name in `trainable` or `reset` must be 'all', "
                "'classifier', 'head', 'backbone' or the start of a layer's "
                "name. "
                f"Received: {name!r}, which fits none of {len(leaves)} "
                f"layers, from {leaves[0][0]!r} to {leaves[-1][0]!r}. See "
                "`model.layers` for the names."
            )
        chosen.update((id(layer), layer) for layer in found)
    return list(chosen.values())


def _named(
    model: keras.Model,
    leaves: list[tuple[str, keras.layers.Layer]],
    name: str,
) -> list[keras.layers.Layer]:
    if name == "all":
        return [layer for _, layer in leaves]
    if isinstance(model, ClassificationModel):
        heads = {
            id(layer)
            for head in model.classifiers()
            for _, layer in _leaves(head)
        }
        if name == "classifier":
            return [layer for _, layer in leaves if id(layer) in heads]
        if name == "backbone":
            return [layer for _, layer in leaves if id(layer) not in heads]
        if name == "head":
            below = {id(layer) for _, layer in _leaves(model.backbone)}
            return [layer for _, layer in leaves if id(layer) not in below]
    if isinstance(name, ClassifierName):
        whole = [layer for _, layer in leaves if layer.name == name]
        if whole:
            return whole
    # "/stage_3" is found at the start of any part of "/resnet32/stage_3".
    return [layer for path, layer in leaves if f"/{name}" in f"/{path}"]


def _layers_of_adapted_backbone(model: keras.Model) -> set[int]:
    own = isinstance(model, ClassificationModel)
    if not own or not adapted_layers(model.backbone):
        return set()
    return {id(layer) for _, layer in _leaves(model.backbone)}


def _leaves(
    layer: keras.layers.Layer, path: str = ""
) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yields the layers that hold no others that can be told apart."""
    if not _is_container(layer):
        yield path or layer.name, layer
        return
    for inner in _children(layer):
        yield from _leaves(inner, f"{path}/{inner.name}".lstrip("/"))


def _containers(
    model: keras.layers.Layer,
) -> Iterator[keras.layers.Layer]:
    yield model
    for inner in _children(model):
        if _is_container(inner):
            yield from _containers(inner)


def _is_container(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, _CONTAINERS) and bool(_children(layer))


def _children(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    if isinstance(model, ExitBranch):
        return model.parts()
    if not isinstance(model, ClassificationModel):
        return model.layers
    # What belongs to the loss is no part of the network.
    others = [model.objective_list, getattr(model, "exit_loss", None)]
    ids = {id(one) for one in others}
    return [one for one in model.layers if id(one) not in ids]


_CONTAINERS = (keras.Model, ExitBranch)
"""What is trained in parts: a classifier is a part of its branch."""
