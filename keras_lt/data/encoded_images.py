"""Images that are decoded when they are asked for."""

import abc
import os
import threading
from collections.abc import Callable
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_lt.data._gathered_parts import Empty
from keras_lt.data._gathered_parts import GatheredParts
from keras_lt.data.broken_images_error import BrokenImagesError
from keras_lt.data.decoding import is_of_the_machine
from keras_lt.data.decoding import read_image
from keras_lt.data.row_numbers import as_row_numbers
from keras_lt.data.transforms.crop import Crop
from keras_lt.validation import check_choice
from keras_lt.validation import check_positive_int

PART = 8
"""Images that a thread works on together, so that they stay in its cache."""

THREAD_NAME = "keras_lt_images"
"""How the names of the threads begin that decode."""

Then = Callable[[np.ndarray, slice], np.ndarray]
"""Works on some images of a batch; the slice says which."""

CHANNELS = {"rgb": 3, "grayscale": 1}
"""Number of channels of each choice of `color`."""


class EncodedImages(abc.ABC):
    """Decodes images in threads, when their rows are asked for.

    JPEG and other files are stored in many ways: as files in folders, in the
    records of TensorFlow Datasets, in archives or databases. A subclass says
    where the bytes of a row are, and gets the rest: decoding in threads (it
    lets go of Python's lock), crops that are made from the image at full
    size, and words for images that are broken.

    Args:
        image_size: Height and width that every image is resized to.
        color: `"rgb"` for three channels, `"grayscale"` for one.
        crop_to_aspect_ratio: True to cut off what does not fit the shape of
            `image_size`, False to stretch the image into it.
        num_threads: Number of images that are decoded at the same time. By
            default twice the number of cores, as some threads wait for disks.

    Raises:
        ValueError: If an argument is out of range; and when rows are read,
            `data.BrokenImagesError` if an image is missing or not whole.

    Example:

    >>> import io, zipfile
    >>> class ZippedImages(keras_lt.data.EncodedImages):
    ...     def __init__(self, path, names, image_size):
    ...         super().__init__(image_size)
    ...         self.path, self.names = path, names
    ...     def __len__(self):
    ...         return len(self.names)
    ...     def encoded(self, row):
    ...         with zipfile.ZipFile(self.path) as archive:
    ...             return archive.read(self.names[row])
    ...     def name(self, row):
    ...         return f"{self.names[row]!r} in {self.path!r}"
    ...     def take(self, rows):
    ...         names = [self.names[row] for row in rows]
    ...         return ZippedImages(self.path, names, self.image_size)
    >>> ZippedImages("photos.zip", ["a.jpg", "b.jpg"], (32, 32)).shape
    (2, 32, 32, 3)
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        color: str = "rgb",
        crop_to_aspect_ratio: bool = False,
        num_threads: int | None = None,
    ) -> None:
        self.image_size = _check_size(image_size)
        self.color = check_choice("color", color, CHANNELS)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        if num_threads is None:
            num_threads = 2 * (os.cpu_count() or 1)
        self.num_threads = check_positive_int("num_threads", num_threads)

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of images."""

    @abc.abstractmethod
    def encoded(self, row: int) -> str | bytes:
        """Returns the path of a file, or its content; called in threads."""

    @abc.abstractmethod
    def name(self, row: int) -> str:
        """Returns what to call an image in a message."""

    @abc.abstractmethod
    def take(self, rows: Any) -> "EncodedImages":
        """Returns the images of these rows, unread."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, height, width, channels)`."""
        return (len(self), *self.image_size, CHANNELS[self.color])

    def __getitem__(self, rows: np.ndarray | slice | int) -> np.ndarray:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        chosen = np.asarray(rows)
        if chosen.ndim == 0:
            (row,) = as_row_numbers(chosen[None], len(self))
            return self._decoded(self._checked(int(row)))
        return self.read(chosen)

    def read(
        self,
        rows: np.ndarray,
        crop: Crop | None = None,
        generator: np.random.Generator | None = None,
        then: Then | None = None,
        empty: Empty = np.empty,
    ) -> np.ndarray:
        """Decodes images, and works on them in the threads that decode them.

        Args:
            rows: Whole numbers of shape `(n,)`, or a mask.
            crop: What is cut out of each; by default nothing.
            generator: Source of the random numbers of `crop`.
            then: Called with some images and their places among `rows`, a
                slice; gives what they become. Places come in any order.
            empty: Makes the array of the result, as `np.empty` does.

        Returns:
            `(n, height, width, channels)`; uint8, or what `then` makes of it.

        Raises:
            BrokenImagesError: If images are missing or not whole.
        """
        found = as_row_numbers(rows, len(self))
        chosen = [self._checked(row) for row in found.tolist()]
        if not chosen:
            return np.empty((0, *self.shape[1:]), "uint8")
        numbers = None if crop is None else crop.draw(len(chosen), generator)
        gathered = GatheredParts(len(chosen), empty)

        def work(start: int) -> dict[int, str]:
            part = slice(start, min(start + PART, len(chosen)))
            images = np.empty((part.stop - start, *self.shape[1:]), "uint8")
            broken = {}
            for place, row in enumerate(chosen[part]):
                own = None if numbers is None else numbers[start + place]
                try:
                    images[place] = self._decoded(row, crop, own)
                except ValueError as error:
                    broken[start + place] = str(error)
            if not broken:
                gathered.put(
                    part, images if then is None else then(images, part)
                )
            return broken

        messages: dict[int, str] = {}
        starts = range(0, len(chosen), PART)
        for broken in _mapped(work, starts, self.num_threads):
            messages |= broken
        if messages:
            raise BrokenImagesError(messages)
        return gathered.whole()

    def broken(self) -> dict[int, str]:
        """Reads every image now, and says what is wrong with which.

        Returns:
            A message for each row that cannot be read; empty if all is well.
        """
        try:
            # Of each image nothing is kept.
            self.read(
                np.arange(len(self)), then=lambda images, _: images[:, :0]
            )
        except BrokenImagesError as error:
            return error.messages
        return {}

    def _decoded(
        self,
        row: int,
        crop: Crop | None = None,
        numbers: np.ndarray | None = None,
    ) -> np.ndarray:
        cut = None
        if crop is not None and numbers is not None:
            ratio = self.image_size[1] / self.image_size[0]

            def cut(height: int, width: int) -> tuple[int, int, int, int]:
                return crop.box(height, width, ratio, numbers)

        return read_image(
            self._stored(row),
            self.image_size,
            color=self.color,
            crop=self.crop_to_aspect_ratio,
            cut=cut,
            name=self.name(row),
        )

    def _stored(self, row: int) -> str | bytes:
        try:
            return self.encoded(row)
        except (OSError, RuntimeError) as error:
            if is_of_the_machine(error):
                error.add_note(f"While reading {self.name(row)}.")
                raise
            raise ValueError(
                "Every image must be there to be read. Received: "
                f"{self.name(row)}: {type(error).__name__}: {error}. Repair "
                'what it is stored in, or pass `broken_images="replace"` to '
                "`Batches` to go on without it."
            ) from error

    def _checked(self, row: int) -> int:
        """Returns the row, counted from the front."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"There are {len(self)} images. Received: {row}.")
        return row % len(self)


def _mapped(
    work: Callable[[int], Any], starts: Iterable[int], num_threads: int
) -> Iterable[Any]:
    """Works on parts in threads, or in this one where it is one of these."""
    if threading.current_thread().name.startswith(THREAD_NAME):
        return map(work, starts)  # It would wait for itself.
    return _threads(num_threads).map(work, starts)


_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}
_POOLS_LOCK = threading.Lock()


def _threads(count: int) -> ThreadPoolExecutor:
    """Returns threads that all images of a process share.

    They are kept here, not in the images, so that these can be copied,
    pickled and used after a fork, which loses the threads.
    """
    key = (os.getpid(), count)
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = ThreadPoolExecutor(count, THREAD_NAME)
        return _POOLS[key]


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
