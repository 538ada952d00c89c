"""Images in the records of TensorFlow Datasets, read by row."""

import os
import pathlib
import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_lt.data.encoded_images import EncodedImages


class PreparedImages(EncodedImages):
    """Reads images by row from what TensorFlow Datasets has prepared.

    Any row is read as fast as the next one, so that a sampler chooses rows, and
    there is no buffer that shuffles, nor any example read in vain. It needs
    `file_format="array_record"`, and does not import TensorFlow.

    Args:
        folder: Of a version of a data set, with `dataset_info.json` in it.
        part: Name of a split there, such as `"train"`.
        image_size: Height and width that every image is resized to.
        image_key: Name of the feature that holds the images.
        color: `"rgb"` for three channels, `"grayscale"` for one.
        crop_to_aspect_ratio: True to cut off what does not fit the shape of
            `image_size`, False to stretch the image into it.
        num_threads: Number of images that are decoded at the same time. By
            default twice the number of cores, as some threads wait for disks.

    Raises:
        ValueError: If there is no such data, or it has no random access.

    Example:

    ```python
    folder = "~/tensorflow_datasets/imagenet_lt/1.0.0"
    images = data.PreparedImages(folder, "train", image_size=(224, 224))
    images[[0, 100_000]].shape  # (2, 224, 224, 3)
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        part: str,
        image_size: tuple[int, int],
        image_key: str = "image",
        color: str = "rgb",
        crop_to_aspect_ratio: bool = False,
        num_threads: int | None = None,
    ) -> None:
        super().__init__(image_size, color, crop_to_aspect_ratio, num_threads)
        self.folder = pathlib.Path(folder).expanduser()
        self.part = part
        self.image_key = image_key
        self._records = _Records(self.folder, part, image_key)
        self.rows = np.arange(len(self._records))

    def __len__(self) -> int:
        return len(self.rows)

    def encoded(self, row: int) -> bytes:
        """Returns the content of the file that an image was."""
        return self._records[int(self.rows[row])][self.image_key]

    def example(self, row: int) -> dict[str, Any]:
        """Returns all features of a row, with the image not decoded."""
        return self._records[int(self.rows[row])]

    def name(self, row: int) -> str:
        """Returns where an image is stored."""
        return f"row {self.rows[row]} of {self.part!r} in {str(self.folder)!r}"

    def take(self, rows: Any) -> "PreparedImages":
        """Returns the images of these rows, unread."""
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        part.rows = self.rows[rows]
        return part


class _Records:
    """Opens the files in each process that reads them."""

    def __init__(self, folder: pathlib.Path, part: str, image_key: str):
        self.folder = folder
        self.part = part
        self.image_key = image_key
        self._opened: tuple[int, Any] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._source())

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self._source()[row]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _source(self) -> Any:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                source = open_source(self.folder, self.part, self.image_key)
                self._opened = (os.getpid(), source)
            return self._opened[1]


def prepared_info(folder: pathlib.Path, *keys: str) -> Any:
    """Returns what TensorFlow Datasets knows of the data in a folder.

    Raises:
        ValueError: If there is no such data, it cannot be read by row, or it
            has no features of these names.
    """
    return _builder(folder, *keys).info


def open_source(folder: pathlib.Path, part: str, image_key: str) -> Any:
    """Returns the examples of a part, by row, with images not decoded.

    Raises:
        ValueError: As `prepared_info`, or if there is no such part.
    """
    import tensorflow_datasets as tfds

    builder = _builder(folder, image_key)
    if part not in builder.info.splits:
        raise ValueError(
            f"The part must be one of {_quoted(builder.info.splits)}. "
            f"Received: {part!r}, which {str(folder)!r} does not have."
        )
    return builder.as_data_source(
        part, decoders={image_key: tfds.decode.SkipDecoding()}
    )


def _builder(folder: pathlib.Path, *keys: str) -> Any:
    if not (folder / "dataset_info.json").exists():
        raise ValueError(
            "`folder` must hold what TensorFlow Datasets has prepared. "
            f"Received: {str(folder)!r}, without `dataset_info.json`. Pass the "
            "folder of a version, such as `imagenet_lt/1.0.0`."
        )
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)
    info = builder.info
    if info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
        raise ValueError(
            "Data of TensorFlow Datasets must be stored as array_record, which "
            "can be read by row. Received: "
            f"{info.file_format.value} in {str(folder)!r}. Store it again: "
            f"`tfds build {info.name} --file_format=array_record`, or "
            "`tfds convert_format`."
        )
    for key in keys:
        if key not in info.features:
            raise ValueError(
                "Features must be named as they are stored: "
                f"{_quoted(info.features)}. Received: {key!r}. Pass the name "
                "of the images as `image_key`, of the labels as `label_key`."
            )
    return builder


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
