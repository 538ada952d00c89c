"""One sampler first, and another from an epoch on."""

from typing import Any

import keras
import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler
from keras_lt.validation import check_not_negative_int


@serializable
class Deferred(Sampler):
    """Draws as one sampler until an epoch, and as another from there on.

    Deferred re-sampling (DRS): features are learned best from the data as they
    are, and the classifier from balanced classes. So the batches become
    balanced late, usually where the learning rate drops for the first time.
    `callbacks.DeferredReweighting` is the same idea with weights.

    The rows of an epoch are exactly those that its sampler draws by itself
    with the same seed and epoch. Both samplers count the epochs from the start
    of the training.

    Args:
        first: The sampler of the epochs before `start_epoch`.
        then: The sampler of `start_epoch` and later ones.
        start_epoch: Epoch, counted from 0. 160 of 200 in the paper; 0 uses
            `then` alone.

    Raises:
        ValueError: If one of the two is no sampler, or `start_epoch` is not a
            whole number, 0 or greater.

    Example:

    >>> from keras_lt import samplers
    >>> sampler = samplers.Deferred(
    ...     samplers.InstanceBalanced(), samplers.ClassBalanced(), 160
    ... )
    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> int(labels[sampler(labels, epoch=159)].sum())
    100
    >>> 0.48 < labels[sampler(labels, epoch=160)].mean() < 0.52
    np.True_

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), section 4.
    """

    def __init__(self, first: Sampler, then: Sampler, start_epoch: int):
        self.first = _check_sampler("first", first)
        self.then = _check_sampler("then", then)
        self.start_epoch = check_not_negative_int("start_epoch", start_epoch)

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        sampler = self.then if epoch >= self.start_epoch else self.first
        return sampler.draw(index, generator, epoch)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "first": serialize(self.first),
            "then": serialize(self.then),
            "start_epoch": self.start_epoch,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Deferred":
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config[name]) for name in ("first", "then")}
        return cls(**{**config, **parts})

    def __repr__(self) -> str:
        return f"Deferred({self.first!r}, {self.then!r}, {self.start_epoch})"


def _check_sampler(name: str, sampler: Any) -> Sampler:
    if isinstance(sampler, Sampler):
        return sampler
    raise ValueError(
        f"`{name}` must be a sampler. Received: {name}={sampler!r}. Pass an "
        "object such as `keras_lt.samplers.ClassBalanced()`."
    )
