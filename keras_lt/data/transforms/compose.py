"""Several transforms, one after the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.data.transforms._device_check import check_device_transform
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.types import Tensor


class Compose(DeviceTransform):
    """Applies transforms one after the other.

    It runs on the device if each of them does: see `DeviceTransform`.

    Args:
        transforms: Transforms, or functions that are called like one. None at
            all leaves a batch as it is.

    Example:

    >>> from keras_lt.data import transforms
    >>> both = transforms.Compose(
    ...     [transforms.RandomFlip(), transforms.Normalize(0.5, 0.5)]
    ... )
    >>> images, labels = np.zeros((1, 2, 2, 3), "uint8"), np.array([3])
    >>> both(images, labels, np.random.default_rng(0))[0].max().item()
    -1.0
    """

    def __init__(self, transforms: Sequence[TransformFunction]):
        self.transforms = list(transforms)
        wrong = [t for t in self.transforms if not callable(t)]
        if wrong:
            raise ValueError(
                "`transforms` must hold functions of images, labels and a "
                f"generator. Received: one of type {type(wrong[0]).__name__}. "
                "Wrap a Keras layer in `transforms.from_layer`."
            )

    @property
    def mixes_examples(self) -> bool:  # type: ignore[override]
        """Whether one of the transforms mixes examples."""
        return any(getattr(t, "mixes_examples", False) for t in self.transforms)

    @property
    def whole_batches(self) -> bool:  # type: ignore[override]
        """Whether one of the transforms needs batches in one piece."""
        return any(getattr(t, "whole_batches", True) for t in self.transforms)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether one of the transforms is random; plain functions may be."""
        return any(getattr(t, "random", True) for t in self.transforms)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        for transform in self.transforms:
            images, labels = transform(images, labels, generator)
        return images, labels

    @property
    def num_draws(self) -> int:  # type: ignore[override]
        """How many numbers the transforms draw for each image."""
        return sum(t.num_draws for t in self._device_transforms())

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        found = [np.zeros((shape[0], 0), "int32")]
        for transform in self._device_transforms():
            draws, labels = transform.draw(shape, labels, generator)
            found.append(draws)
        return np.concatenate(found, axis=1), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        begin = 0
        for transform in self._device_transforms():
            end = begin + transform.num_draws
            images = transform.apply(images, draws[:, begin:end])
            begin = end
        return images

    def _device_transforms(self) -> list[DeviceTransform]:
        return [check_device_transform(one) for one in self.transforms]


def steps_of(transform: TransformFunction | None) -> list[Any]:
    """Returns what a transform does one after the other, nested ones too."""
    if transform is None:
        return []
    if isinstance(transform, Compose):
        return [step for one in transform.transforms for step in steps_of(one)]
    return [transform]
