"""Images that stay in their files until they are asked for."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_lt.data.decoding import read_image
from keras_lt.validation import check_choice
from keras_lt.validation import check_positive_int

CHANNELS = {"rgb": 3, "grayscale": 1}
"""Number of channels of each choice of `color`."""


class ImageFiles:
    """Reads images from files, in threads, when their rows are asked for.

    Nothing is read, nor even looked up on the disk, before: a million files
    cost the memory of their names.

    Args:
        paths: File of each image.
        image_size: Height and width that every image is resized to.
        root: Folder that `paths` are relative to.
        color: `"rgb"` for three channels, `"grayscale"` for one.
        crop_to_aspect_ratio: True to cut off what does not fit the shape of
            `image_size`, False to stretch the image into it.
        num_threads: Number of files that are decoded at the same time. By
            default twice the number of cores, as some threads wait for disks.

    Raises:
        ValueError: If an argument is out of range; and when rows are read,
            if a file is missing or is not a whole image. It names the file.

    Example:

    >>> from keras_lt import data
    >>> images = data.ImageFiles(["a.jpg", "b.jpg"], image_size=(32, 32))
    >>> len(images), images.shape
    (2, (2, 32, 32, 3))
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        image_size: tuple[int, int],
        root: str | os.PathLike[str] = "",
        color: str = "rgb",
        crop_to_aspect_ratio: bool = False,
        num_threads: int | None = None,
    ) -> None:
        self.paths = [os.fspath(path) for path in paths]
        self.image_size = _check_size(image_size)
        self.root = os.fspath(root)
        self.color = check_choice("color", color, CHANNELS)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        if num_threads is None:
            num_threads = 2 * (os.cpu_count() or 1)
        self.num_threads = check_positive_int("num_threads", num_threads)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, height, width, channels)`."""
        return (len(self), *self.image_size, CHANNELS[self.color])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: np.ndarray | slice | int) -> np.ndarray:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        chosen = np.asarray(rows)
        if chosen.ndim == 0:
            return self._read(int(chosen))
        images = np.empty((len(chosen), *self.shape[1:]), dtype="uint8")

        def fill(place: int) -> None:
            images[place] = self._read(int(chosen[place]))

        # The pool lives as long as the batch does, so that this object can
        # be copied, pickled and used after a fork.
        with ThreadPoolExecutor(self.num_threads) as pool:
            for _ in pool.map(fill, range(len(chosen))):
                pass
        return images

    def take(self, rows: Any) -> "ImageFiles":
        """Returns the files of these rows, unread."""
        part = object.__new__(ImageFiles)
        part.__dict__.update(self.__dict__)
        chosen = np.arange(len(self))[rows]
        part.paths = [self.paths[row] for row in chosen.tolist()]
        return part

    def broken(self) -> dict[int, str]:
        """Reads every image now, and says what is wrong with which.

        Returns:
            A message for each row that cannot be read; empty if all is well.
        """

        def message(row: int) -> str:
            try:
                self._read(row)
            except ValueError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(self.num_threads) as pool:
            messages = list(pool.map(message, range(len(self))))
        return {row: text for row, text in enumerate(messages) if text}

    def _read(self, row: int) -> np.ndarray:
        return read_image(
            os.path.join(self.root, self.paths[row]),
            self.image_size,
            color=self.color,
            crop=self.crop_to_aspect_ratio,
        )


def _check_size(image_size: tuple[int, int]) -> tuple[int, int]:
    if np.shape(image_size) != (2,):
        raise ValueError(
            "`image_size` must be height and width. Received: "
            f"image_size={image_size!r}. Pass, for example, `(64, 64)`."
        )
    height, width = (
        check_positive_int("image_size", side) for side in image_size
    )
    return height, width
