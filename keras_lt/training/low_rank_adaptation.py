"""Fine-tuning of few variables beside those that are there."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.layers.low_rank_updates import ADAPTABLE
from keras_lt.layers.low_rank_updates import adaptable_layers
from keras_lt.layers.low_rank_updates import train_updates_alone
from keras_lt.models import ClassificationModel
from keras_lt.validation import check_positive_int


def enable_lora(
    model: keras.Model,
    rank: int = 4,
    layers: Sequence[str] | None = None,
    alpha: float | None = None,
) -> None:
    """Freezes a backbone, and adds low-rank updates that are trained instead.

    All of a pretrained network can follow the head of a long tail, and forget
    what it knew about the tail. An update of low rank, `kernel + a @ b`, leaves
    it less room for that. Updates begin at 0, so that the network is as before
    until it is trained. They are those of Keras (`layer.enable_lora`).

    Compile the model after this. To let the updates decay, adapt the backbone
    first, and make the model with `weight_decay` of it.

    In a file, updates are added to the kernels: a loaded model gives the same
    answers, and forgets which part was the update and what was frozen. Call
    this again to train it further.

    Args:
        model: A `LongTailModel` or an `EarlyExitModel`, whose classifiers,
            projection and exit branches are trained as before; or a backbone.
        rank: Of the updates; 1 or more.
        layers: Names of the layers that get updates, such as `["query",
            "value"]` for these parts of each attention. By default all dense
            and convolutional layers of the backbone.
        alpha: Strength of an update, which is multiplied by `alpha / rank`.
            By default that is 1.

    Raises:
        ValueError: If no layer has one of the names, or has updates of another
            rank already.

    Example:

    >>> inputs = keras.Input((8,))
    >>> backbone = keras.Model(inputs, keras.layers.Dense(16)(inputs))
    >>> model = keras_lt.LongTailModel(backbone, num_classes=3)
    >>> keras_lt.training.enable_lora(model, rank=2)
    >>> [tuple(v.shape) for v in model.backbone.trainable_variables]
    [(8, 2), (2, 16)]

    Reference:

    - [Hu et al., 2022](https://arxiv.org/abs/2106.09685)
    - [Shi et al., 2024](https://arxiv.org/abs/2309.10019), for long tails
    """
    check_positive_int("rank", rank)
    own = isinstance(model, ClassificationModel)
    backbone = model.backbone if own else model
    for layer in _selected(backbone, layers):
        if not layer.lora_enabled:
            layer.enable_lora(rank, lora_alpha=alpha)
        elif layer.lora_rank == rank:
            _renew(layer)
        else:
            raise ValueError(
                "A layer must be adapted with one rank. Received: rank="
                f"{rank} for {layer.name!r}, which has updates of rank "
                f"{layer.lora_rank}. Pass that, or take a new backbone."
            )
    train_updates_alone(backbone)


def _selected(backbone: keras.Model, names: Sequence[str] | None) -> list[Any]:
    known = adaptable_layers(backbone)
    if names is None:
        found, missing = known, [] if known else ["all"]
    else:
        found = [layer for layer in known if layer.name in names]
        missing = sorted(set(names) - {layer.name for layer in found})
    if not missing:
        return found
    near = list(dict.fromkeys(layer.name for layer in known))
    raise ValueError(
        "`layers` must be names of layers of the backbone whose kernel can "
        f"have an update: {', '.join(kind.__name__ for kind in ADAPTABLE)}. "
        f"Received: {missing[0]!r}, for {backbone.name!r}, which has "
        f"{near[:5]} and {len(near[5:])} others."
    )


def _renew(layer: Any) -> None:
    """Gives updates that come from a file, and are 0, a way to grow.

    The gradient of each of two factors is 0 where both of them are 0.
    """
    factors = (layer.lora_kernel_a, layer.lora_kernel_b)
    if not any(np.any(keras.ops.convert_to_numpy(one)) for one in factors):
        start = keras.initializers.HeUniform()(factors[0].shape)
        factors[0].assign(start)
