"""What a transform needs that can also run inside the step of a model."""

import abc

import numpy as np

from keras_lt.data.transforms.transform import Transform
from keras_lt.types import Tensor


class DeviceTransform(Transform):
    """A transform in two parts: numbers are drawn, then images are changed.

    `DeviceBatches` draws on the host, where the seed, the epoch and the index
    of a batch decide, and changes the images in the compiled step of the
    model, on the GPU if there is one. Called as any transform, it does both on
    the host, and gives the same images, to rounding.

    To write one, implement `draw` and `apply` beside the call, which best gets
    its numbers from `draw` too.

    Example:

    >>> class Brightness(keras_lt.data.transforms.DeviceTransform):
    ...     num_draws = 1
    ...     def draw(self, shape, labels, generator):
    ...         numbers = generator.integers(50, size=(shape[0], 1))
    ...         return numbers.astype("int32"), labels
    ...     def apply(self, images, draws):
    ...         brighter = keras.ops.cast(draws, "float32")[:, None, None]
    ...         return keras.ops.cast(images, "float32") + brighter
    ...     def __call__(self, images, labels, generator):
    ...         draws, labels = self.draw(images.shape, labels, generator)
    ...         brighter = draws.astype("float32")[:, None, None]
    ...         return images.astype("float32") + brighter, labels
    >>> images, labels = np.zeros((4, 2, 2, 3), "uint8"), np.arange(4)
    >>> batches = keras_lt.data.DeviceBatches(
    ...     (images, labels), batch_size=2, transform=Brightness()
    ... )
    >>> batches[0][0].shape
    (2, 2, 2, 3)
    """

    num_draws = 0
    """How many numbers are drawn for each image."""

    @abc.abstractmethod
    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws all that is random, and changes the labels.

        Args:
            shape: Shape of the batch of images.
            labels: Class ids `(batch,)`, or soft labels `(batch, classes)`.
            generator: Source of random numbers, which has to be used just as
                in the call.

        Returns:
            The numbers, `(batch, num_draws)` in int32, and the new labels.
        """

    @abc.abstractmethod
    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """Changes the images, by `keras.ops`.

        Args:
            images: `(batch, height, width, channels)`, a tensor.
            draws: `(batch, num_draws)`, what `draw` returned, as a tensor.
        """
