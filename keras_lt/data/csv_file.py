"""Splits in a table with a line for each image."""

import csv
import os
import re
from collections.abc import Sequence
from typing import Any

from keras_lt.data.file_parts import PART_NAMES
from keras_lt.data.file_parts import LabelledFiles
from keras_lt.data.file_parts import check_all_exist
from keras_lt.data.file_parts import split_of_files
from keras_lt.data.split import Split

WHOLE_NUMBER = re.compile(r"-?\d+(\.0*)?")

Row = tuple[str, str, str]
"""Path, label and part, as they stand in the file."""


def from_csv(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] = (64, 64),
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    class_names: Sequence[str] | None = None,
    check_files: bool = True,
    broken_images: str = "raise",
    seed: int = 0,
    **reading: Any,
) -> Split:
    """Makes a split of a CSV file with the columns `path` and `label`.

    Labels are class ids if all are whole numbers (2, or 2.0 as pandas writes
    it), else names, which are numbered by alphabet or as they stand in
    `class_names`. A third column `split` may say `train`, `val` (or
    `validation`) or `test`.

    Args:
        path: The file, with a line of column names.
        root: Folder that the paths are relative to. By default the folder of
            the file.
        image_size: Height and width that images are resized to.
        validation_fraction: Share of each training class that is held out if
            the file names no validation images, from 0 to below 1.
        test_fraction: The same, for the test part.
        class_names: Name of each class, by label.
        check_files: Whether to check now that every image exists, by listing
            each folder once.
        broken_images: `"raise"`, `"check"` or `"skip"`; see
            `data.from_directory`.
        seed: Decides which images are held out.
        **reading: `color`, `crop_to_aspect_ratio` and `num_threads` of
            `data.ImageFiles`.

    Returns:
        A `data.Split` with lazy images.

    Raises:
        ValueError: If a column, a value or an image is missing, or a label is
            unknown. The message names the first.

    Example:

    ```python
    split = data.from_csv("photos/labels.csv", validation_fraction=0.1)
    ```
    """
    file = os.fspath(path)
    rows = _read_rows(file)
    root = os.path.dirname(file) if root is None else os.fspath(root)
    if check_files:
        check_all_exist(root, [image for image, _, _ in rows])
    names, ids = _class_ids([label for _, label, _ in rows], class_names)
    parts: dict[str, LabelledFiles] = {}
    for part in dict.fromkeys(part for _, _, part in rows):
        chosen = [row for row, (_, _, its) in enumerate(rows) if its == part]
        parts[part] = LabelledFiles(
            [rows[row][0] for row in chosen], [ids[row] for row in chosen]
        )
    if "train" not in parts:
        raise ValueError(
            "The file must name training images. Received: only "
            f"{', '.join(sorted(parts))} in the column `split` of {file!r}."
        )
    return split_of_files(
        parts,
        names,
        name=os.path.splitext(os.path.basename(file))[0],
        broken_images=broken_images,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        seed=seed,
        root=root,
        image_size=image_size,
        **reading,
    )


def _read_rows(file: str) -> list[Row]:
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            table = csv.DictReader(lines, skipinitialspace=True)
            columns = [name.strip() for name in table.fieldnames or []]
            table.fieldnames = columns
            _check_columns(columns, file)
            rows = [_row(line, file, table.line_num) for line in table]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            "`path` must be a readable CSV file. Received: "
            f"{file!r}: {error}. Check the path."
        ) from error
    if not rows:
        raise ValueError(
            "The file must have a line or more below the column names. "
            f"Received: {file!r} with none."
        )
    return rows


def _check_columns(columns: list[str], file: str) -> None:
    missing = [name for name in ("path", "label") if name not in columns]
    if missing:
        raise ValueError(
            "The first line must name the columns `path` and `label`. "
            f"Received: no `{missing[0]}` in {file!r}, whose first line is "
            f"{','.join(columns)[:80]!r}. Write `path,label` above the rows."
        )


def _row(line: dict[str, str | None], file: str, number: int) -> Row:
    path, label = ((line[key] or "").strip() for key in ("path", "label"))
    split = (line.get("split") or "train").strip().lower()
    if not (path and label and split in PART_NAMES):
        raise ValueError(
            "Each line must have a path and a label, and its `split`, if any, "
            f"must be train, val or test. Received: {path!r}, {label!r}, "
            f"{split!r} in line {number} of {file!r}. Fill it in, or remove "
            "the line."
        )
    return path, label, PART_NAMES[split]


def _class_ids(
    labels: list[str], class_names: Sequence[str] | None
) -> tuple[list[str] | None, list[int]]:
    """Returns the class names, or None for plain numbers, and class ids."""
    names = None if class_names is None else list(class_names)
    numbers = all(WHOLE_NUMBER.fullmatch(label) for label in labels)
    if numbers and not set(labels) & set(names or ()):
        return names, [int(label.partition(".")[0]) for label in labels]
    names = sorted(set(labels)) if names is None else names
    ids = {name: label for label, name in enumerate(names)}
    unknown = [label for label in labels if label not in ids]
    if unknown:
        raise ValueError(
            "Every label must be one of `class_names`. Received: "
            f"{len(unknown)} of {len(labels)} that are not, first "
            f"{unknown[0]!r}. Correct the label, or add it to `class_names`."
        )
    return names, [ids[label] for label in labels]
