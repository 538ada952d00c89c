"""Checks that what a model is compiled with fits it."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.graph.layer_tree import all_layers
from keras_lt.image_shapes import shapes_agree
from keras_lt.layers import CosineClassifier
from keras_lt.losses import LDAM
from keras_lt.models.heads import innermost
from keras_lt.objectives import ExitDistillation
from keras_lt.objectives import Objective


def check_loss(loss: Any) -> None:
    """Raises unless `loss` is a Keras loss on logits."""
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(
            "`loss` must be a `keras.losses.Loss` on logits. Received: "
            f"loss={loss!r}. Use one of `keras_lt.losses`, or "
            "`keras.losses.SparseCategoricalCrossentropy(from_logits=True)`."
        )
    name = type(loss).__name__
    from_logits = loss.get_config().get("from_logits")
    if from_logits is None and getattr(keras.losses, name, None) is type(loss):
        raise ValueError(
            "`loss` must take logits, which is what the model returns. "
            f"Received: {name}, which takes probabilities or other values. Use "
            "one of `keras_lt.losses`, or "
            "`keras.losses.SparseCategoricalCrossentropy(from_logits=True)`."
        )
    if from_logits is False:
        raise ValueError(
            "`loss` must take logits, which is what the model returns. "
            f"Received: {name}(from_logits=False). Use "
            f"`{name}(from_logits=True)`."
        )
    if loss.reduction == "sum":
        raise ValueError(
            "`loss` must be averaged over the examples, as the model does. "
            "Received: reduction='sum'. Leave `reduction` out, and multiply "
            "the learning rate by the batch size."
        )


def check_list_of_metrics(name: str, metrics: Any) -> None:
    """Raises unless metrics come in a list, as for a model of one output."""
    if metrics is not None and not isinstance(metrics, list | tuple):
        raise ValueError(
            f"`{name}` must be a list. Received: {name}={metrics!r}. Write "
            f"{name}=[...]."
        )


def check_metrics(*metrics: Any) -> None:
    """Raises if a metric takes other than class ids and logits."""
    for metric in keras.tree.flatten(metrics):
        name = _name_in_keras(metric)
        on_logits = getattr(metric, "from_logits", False)
        if name is None or name in _ON_IDS or (name in _OF_IDS and on_logits):
            continue
        counterpart = _COUNTERPARTS.get(name)
        instead = "Use those of `keras_lt.metrics`, or `report.evaluate`, "
        instead += "which tells the accuracy of each class."
        if counterpart:
            instead = f"Use `keras.metrics.{counterpart}`."
        raise ValueError(
            "A metric must take class ids and logits, which it gets "
            f"whatever kind the labels are. Received: {metric!r}, which "
            f"takes one-hot labels or probabilities. {instead}"
        )


def _name_in_keras(metric: Any) -> str | None:
    """Returns what Keras calls a metric of its own, in lower case.

    One of the user is None, and so is "accuracy", for which Keras chooses.
    """
    if metric in ("accuracy", "acc", None):
        return None
    if isinstance(metric, str):
        # Not `keras.metrics.get`, which would number the names in the logs.
        name = _in_lower_case(metric)
        return name if name in _OF_KERAS else None
    named = metric if hasattr(metric, "__name__") else type(metric)
    if getattr(named, "__module__", "").partition(".")[0] != "keras":
        return None
    return _in_lower_case(named.__name__)


def _in_lower_case(name: str) -> str:
    return name.replace("_", "").lower()


_ON_IDS = (
    "sparsecategoricalaccuracy",
    "sparsetopkcategoricalaccuracy",
    "meanmetricwrapper",  # Around a function of the user.
)
_OF_IDS = ("sparsecategoricalcrossentropy",)
_ON_LOGITS = "SparseCategoricalCrossentropy(from_logits=True)"
_COUNTERPARTS = {
    "categoricalaccuracy": "SparseCategoricalAccuracy()",
    "topkcategoricalaccuracy": "SparseTopKCategoricalAccuracy()",
    "categoricalcrossentropy": _ON_LOGITS,
    "sparsecategoricalcrossentropy": _ON_LOGITS,
    "crossentropy": _ON_LOGITS,
    "ce": _ON_LOGITS,
    "accuracy": "SparseCategoricalAccuracy()",
}
_SHORT = ("ce", "crossentropy", "mae", "mape", "mse", "msle")
_OF_KERAS = {*_SHORT, *map(_in_lower_case, dir(keras.metrics))}


def check_ldam_heads(
    loss: LDAM, classifiers: Sequence[keras.layers.Layer]
) -> None:
    """Raises unless all heads are cosine classifiers of the loss's scale.

    LDAM subtracts `scale * margin` from a logit that is already scaled. On
    other logits the margin means nothing, and training fails silently.
    """
    for classifier in classifiers:
        head, scale = innermost(classifier), ""
        if isinstance(head, CosineClassifier):
            if head.scale == loss.scale:
                continue
            scale = f" with scale={head.scale}"
        ends = "" if head is classifier else "which ends with "
        raise ValueError(
            "`LDAM` must act on the logits of a `CosineClassifier` of the "
            f"same scale, {loss.scale}. Received: the classifier "
            f"{classifier.name!r}, {ends}a {type(head).__name__}{scale}. Make "
            "the model with `classifier=keras_lt.layers.CosineClassifier("
            f"num_classes, scale={loss.scale})`."
        )


def check_objectives(
    objectives: Sequence[Objective],
    backbone: keras.Model,
    num_classes: int,
    num_exits: int,
) -> None:
    """Raises if objectives have one name, or do not fit the model."""
    is_list = isinstance(objectives, list | tuple)
    if not is_list or not all(isinstance(x, Objective) for x in objectives):
        raise ValueError(
            "`objectives` must be a list of objectives. Received: "
            f"{objectives!r}. Pass `objectives=[...]`, with objects of "
            "`keras_lt.objectives`."
        )
    names = [objective.name for objective in objectives]
    if len(set(names)) < len(names):
        raise ValueError(
            "Each objective must have a name of its own. Received: "
            f"{names}. Give them a `name`."
        )
    for objective in objectives:
        _check_num_classes(objective, num_classes)
        _check_exits(objective, num_exits)
        _check_images(objective, backbone)


def _check_images(objective: Objective, backbone: keras.Model) -> None:
    """Raises unless an objective can look at the images that a model gets."""
    if objective.image_shape is None:
        return
    shape = tuple(backbone.inputs[0].shape[1:])
    if not shapes_agree(objective.image_shape, shape):
        raise ValueError(
            "An objective must look at images of the shape that the model "
            f"takes, {shape}. Received: {objective.name!r} for images of shape "
            f"{tuple(objective.image_shape)}. Take teachers for such images, "
            "or begin theirs with a `keras.layers.Resizing`."
        )
    random = [one for one in all_layers(backbone) if _augments(one)]
    if random:
        raise ValueError(
            "Images must be augmented before the model where an objective "
            f"looks at them too. Received: {objective.name!r}, and the layer "
            f"{random[0].name!r} ({type(random[0]).__name__}) inside the "
            "backbone, whose changes a teacher would not see. Augment in "
            "`Batches(transform=...)`; `data.transforms.from_layer` takes such "
            "a layer."
        )


def _augments(layer: keras.layers.Layer) -> bool:
    """Tells a layer of augmentation, of Keras or keras-cv, by its name."""
    name = type(layer).__name__
    return name.startswith("Random") or name in _AUGMENTATIONS


_AUGMENTATIONS = ("AugMix", "AutoAugment", "CutMix", "MixUp", "RandAugment")


def _check_exits(objective: Objective, num_exits: int) -> None:
    """Raises if early exits are to learn in a model that has none."""
    if isinstance(objective, ExitDistillation) and num_exits < 2:
        raise ValueError(
            "`ExitDistillation` must belong to a model with more exits than "
            f"the last. Received: {objective.name!r}, for a model with "
            f"{num_exits}. Use an `EarlyExitModel` with `exits=[...]`."
        )


def check_feature_dim(objective: Objective, feature_dim: int | None) -> None:
    """Raises if an objective was made for features of another size before."""
    if objective.feature_dim in (None, feature_dim):
        return
    raise ValueError(
        "An objective must be made anew for a model with other features. "
        f"Received: {objective.name!r}, which was compiled into a model with "
        f"{objective.feature_dim} features before, for one with {feature_dim}. "
        "Make another one for this model."
    )


def _check_num_classes(objective: Objective, num_classes: int) -> None:
    """Raises if an objective is for another number of classes."""
    if objective.num_classes in (None, num_classes):
        return
    raise ValueError(
        "An objective must be for as many classes as the model has, "
        f"{num_classes}. Received: {objective.name!r} for "
        f"{objective.num_classes} classes. Use `keras_lt.class_counts(labels, "
        f"num_classes={num_classes})`."
    )
