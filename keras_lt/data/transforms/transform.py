"""What a transform of a batch takes and gives."""

import abc
from collections.abc import Callable

import numpy as np

TransformFunction = Callable[
    [np.ndarray, np.ndarray, np.random.Generator],
    tuple[np.ndarray, np.ndarray],
]
"""Any function of images, labels and a generator that gives the first two."""


class Transform(abc.ABC):
    """Changes a batch of images, and sometimes its labels.

    All that is random comes from the generator that is passed in. `Batches`
    makes it from the seed, the epoch and the index of the batch, so a
    transform keeps no state, and may run in any thread.

    Call arguments:
        images: `(batch, height, width, channels)`, uint8 or float32. Raw
            pixels are in 0 to 255. Not changed in place.
        labels: Class ids `(batch,)`, or soft labels `(batch, classes)`.
        generator: Source of random numbers.

    Returns:
        The new images and labels.

    Example:

    >>> class Invert(keras_lt.data.transforms.Transform):
    ...     def __call__(self, images, labels, generator):
    ...         return 255 - images, labels
    >>> images, labels = np.zeros((1, 2, 2, 1), "uint8"), np.array([3])
    >>> Invert()(images, labels, np.random.default_rng(0))[0].max().item()
    255
    """

    mixes_examples = False
    """Whether an image may come from more than one example."""

    whole_batches = False
    """Whether a batch has to come in one piece.

    Else images from files may come some at a time, in the threads that decode
    them. Set it where one image depends on others, or where a call is costly.
    """

    random = True
    """Whether the same image may come out differently another time.

    `False` promises that an image depends on its example alone: not on the
    generator, nor on the rest of the batch. What is computed from it once then
    holds for every epoch; see `objectives.TeacherCache`.
    """

    @abc.abstractmethod
    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the new images and labels."""
