"""Splits that are published as lists of paths and labels."""

import gzip
import os
from collections.abc import Sequence
from typing import Any

from keras_lt.data.file_parts import LabelledFiles
from keras_lt.data.file_parts import check_all_exist
from keras_lt.data.file_parts import split_of_files
from keras_lt.data.split import Split

PathLike = str | os.PathLike[str]


def from_list(
    train: PathLike,
    validation: PathLike | None = None,
    test: PathLike | None = None,
    *,
    root: PathLike = "",
    image_size: tuple[int, int] = (224, 224),
    validation_fraction: float = 0.0,
    class_names: Sequence[str] | None = None,
    check_files: bool = True,
    broken_images: str = "raise",
    name: str = "list",
    seed: int = 0,
    **reading: Any,
) -> Split:
    """Makes a split of lists with a path and a label in each line.

    This is how ImageNet-LT, Places-LT and iNaturalist are published:

    ```
    train/n01440764/n01440764_190.JPEG 0
    ```

    Args:
        train: The list to train on; plain text, or compressed if its name
            ends in `.gz`.
        validation: The list to choose settings on.
        test: The list to test on.
        root: Folder that the paths are relative to.
        image_size: Height and width that images are resized to.
        validation_fraction: Share of each training class that is held out if
            `validation` is not given, from 0 to below 1.
        class_names: Name of each class, by label. By default its number.
        check_files: Whether to check now that every image exists, by listing
            each folder once.
        broken_images: `"raise"`, `"check"` or `"skip"`; see
            `data.from_directory`.
        name: What the data is called in reports.
        seed: Decides the validation slice.
        **reading: `color`, `crop_to_aspect_ratio` and `num_threads` of
            `data.ImageFiles`.

    Returns:
        A `data.Split` with lazy images.

    Raises:
        ValueError: If a line cannot be understood or an image is missing. The
            message names the first.

    Example:

    ```python
    split = data.from_list("train.txt", "val.txt", root="imagenet")
    ```
    """
    lists = {"train": train, "validation": validation, "test": test}
    parts = {
        part: _read_list(os.fspath(path))
        for part, path in lists.items()
        if path is not None
    }
    root = os.fspath(root)
    if check_files:
        check_all_exist(
            root, [p for part in parts.values() for p in part.paths]
        )
    return split_of_files(
        parts,
        class_names,
        name=name,
        broken_images=broken_images,
        validation_fraction=validation_fraction,
        seed=seed,
        root=root,
        image_size=image_size,
        **reading,
    )


def _read_list(path: str) -> LabelledFiles:
    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            lines = list(file)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(
            "A list must be a readable text file, or one compressed by gzip "
            f"whose name ends in .gz. Received: {path!r}: {error}. Check the "
            "path."
        ) from error
    pairs = [
        _parse(line, path, number)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not pairs:
        raise ValueError(
            "A list must have a line or more, each with a path and a label. "
            f"Received: {path!r}, which is empty."
        )
    return LabelledFiles(
        [image for image, _ in pairs], [label for _, label in pairs]
    )


def _parse(line: str, path: str, number: int) -> tuple[str, int]:
    try:
        image, label = line.rsplit(maxsplit=1)
        return image.strip(), int(label)
    except ValueError:
        raise ValueError(
            "Each line must be a path, a space and a label, a whole number. "
            f"Received: {line.strip()[:80]!r} in line {number} of {path!r}. "
            "For labels that are names, write a CSV file and use "
            "`data.from_csv`."
        ) from None
