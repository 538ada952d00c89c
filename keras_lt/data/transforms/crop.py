"""What cuts a part out of each image, and can do so while it is decoded."""

import abc

import numpy as np

from keras_lt.data.transforms._opencv import import_opencv
from keras_lt.data.transforms.transform import Transform

Box = tuple[int, int, int, int]
"""Top, left, height and width of a part of an image, in pixels."""


class Crop(Transform):
    """Cuts a part out of each image, and resizes it to the size of the batch.

    Images in files have sizes of their own, and lose detail when they are
    resized before they are cut. As the first transform of `Batches`, a crop is
    therefore done where files are decoded: the part is cut out of the image as
    it is stored. For images in memory, it is done on the batch.

    To write one, implement `box`, and set `num_numbers` if it is random.
    Resizing is by OpenCV: bilinear, or by averages where the part has at least
    twice the height and width.

    Example:

    >>> class LeftHalf(keras_lt.data.transforms.Crop):
    ...     random = False
    ...     def box(self, height, width, aspect_ratio, numbers):
    ...         return 0, 0, height, width // 2
    >>> images, labels = np.zeros((2, 8, 8, 3), "uint8"), np.array([0, 1])
    >>> images[:, :, 4:] = 255
    >>> LeftHalf()(images, labels, np.random.default_rng(0))[0].max().item()
    0
    """

    num_numbers = 0
    """How many random numbers are drawn for each image."""

    @abc.abstractmethod
    def box(
        self,
        height: int,
        width: int,
        aspect_ratio: float,
        numbers: np.ndarray,
    ) -> Box:
        """Returns which part of an image is kept.

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.
            aspect_ratio: Width by height of the images of the batch.
            numbers: `(num_numbers,)`, uniform in 0 to 1.

        Returns:
            Top, left, height and width of the part.
        """

    def draw(
        self, count: int, generator: np.random.Generator | None
    ) -> np.ndarray:
        """Draws the numbers of so many images, `(count, num_numbers)`."""
        if not self.num_numbers:
            return np.zeros((count, 0))
        if generator is None:
            raise ValueError(
                f"`generator` must be given, as `{type(self).__name__}` is "
                "random. Received: generator=None. Pass "
                "`np.random.default_rng(seed)`, or use `CenterCrop`."
            )
        return generator.random((count, self.num_numbers))

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        height, width = images.shape[1:3]
        found = np.empty_like(images)
        for place, numbers in enumerate(self.draw(len(images), generator)):
            box = self.box(height, width, width / height, numbers)
            found[place] = resized_part(images[place], box, (height, width))
        return found, labels


def resized_part(
    image: np.ndarray, box: Box, size: tuple[int, int]
) -> np.ndarray:
    """Returns a part of an image, `(*size, channels)`."""
    top, left, height, width = box
    part = image[top : top + height, left : left + width]
    if part.shape[:2] == size:
        return part
    cv2 = import_opencv()
    smooth = part.shape[0] >= 2 * size[0] and part.shape[1] >= 2 * size[1]
    # Bilinear values of a few pixels would be noise where many make one.
    how = cv2.INTER_AREA if smooth else cv2.INTER_LINEAR
    resized = cv2.resize(part, (size[1], size[0]), interpolation=how)
    return resized.reshape(*size, image.shape[-1])
