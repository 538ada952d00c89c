"""Several transforms, one after the other."""

from collections.abc import Sequence

import numpy as np

from keras_lt.data.transforms.transform import Transform
from keras_lt.data.transforms.transform import TransformFunction


class Compose(Transform):
    """Applies transforms one after the other.

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
