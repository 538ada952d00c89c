"""Images that stay in their files until they are asked for."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.data.encoded_images import EncodedImages


class ImageFiles(EncodedImages):
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
        super().__init__(image_size, color, crop_to_aspect_ratio, num_threads)
        self.paths = [os.fspath(path) for path in paths]
        self.root = os.fspath(root)

    def __len__(self) -> int:
        return len(self.paths)

    def encoded(self, row: int) -> str:
        """Returns the path of a file."""
        return os.path.join(self.root, self.paths[row])

    def name(self, row: int) -> str:
        """Returns the path of a file, in quotes."""
        return repr(self.encoded(row))

    def take(self, rows: Any) -> "ImageFiles":
        """Returns the files of these rows, unread."""
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        chosen = np.arange(len(self))[rows]
        part.paths = [self.paths[row] for row in chosen.tolist()]
        return part
