"""Makes a split of the names and labels of image files."""

import dataclasses
import os
import warnings
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.data.arrays import split_of_rows
from keras_lt.data.examples import Examples
from keras_lt.data.holdout import hold_out
from keras_lt.data.image_files import ImageFiles
from keras_lt.data.split import Split
from keras_lt.data.split import numbers_as_names
from keras_lt.validation import check_choice
from keras_lt.validation import check_fraction
from keras_lt.validation import check_labels

PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""What people call the parts of a split."""

BROKEN_IMAGES = ("raise", "check", "skip")
"""What may be done about files that do not hold a whole image."""


@dataclasses.dataclass(frozen=True)
class LabelledFiles:
    """Names of image files, and the class id of each."""

    paths: Sequence[str]
    labels: Sequence[int]


def split_of_files(
    parts: Mapping[str, LabelledFiles],
    class_names: Sequence[str] | None,
    *,
    name: str,
    broken_images: str = "raise",
    validation_fraction: float = 0.0,
    test_fraction: float = 0.0,
    seed: int = 0,
    **reading: Any,
) -> Split:
    """Makes a split whose images stay in their files.

    A part that is not among `parts` is held out of the training part, if its
    fraction is above 0. Fractions are shares of that part as it comes.
    """
    fractions = _fractions(parts, validation_fraction, test_fraction)
    check_choice("broken_images", broken_images, BROKEN_IMAGES)
    _check_no_file_twice(parts, any(fractions.values()))
    names = class_names or _numbers(parts)
    named: dict[str, Examples] = {}
    for part, files in parts.items():
        named[part] = _examples(
            files, class_names, part, broken_images, reading
        )
    full, test = named["train"], named.get("test")
    rows, held = hold_out(full.y, fractions["test"], seed)
    if len(held):
        test = full.take(held)
    split = split_of_rows(
        full,
        rows=rows,
        test=test,
        # A share of what is left after the test images are gone.
        validation_fraction=fractions["validation"] / (1 - fractions["test"]),
        class_names=names,
        name=name,
        settings={"seed": seed},
        seed=seed,
    )
    return dataclasses.replace(
        split,
        validation=named.get("validation", split.validation),
        settings={
            "seed": seed,
            **{f"{part}_fraction": share for part, share in fractions.items()},
        },
    )


def check_all_exist(root: str, paths: Sequence[str]) -> None:
    """Raises if a file is missing; lists each folder once, for speed."""
    missing = missing_files(root, paths)
    if missing:
        raise ValueError(
            "Every image that is listed must exist. Received: "
            f"{len(missing)} of {len(paths)} that do not, first "
            f"{os.path.join(root, missing[0])!r}. Pass the folder that the "
            "paths are relative to as `root`; or `check_files=False` to go on "
            "and fail when the image is read."
        )


def missing_files(root: str, paths: Sequence[str]) -> list[str]:
    """Returns those of the paths that do not exist, in their order."""
    by_folder: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row, path in enumerate(paths):
        folder, name = os.path.split(path)
        by_folder[folder].append((row, name))
    missing = []
    for folder, named in by_folder.items():
        there = _names_in(os.path.join(root, folder))
        for row, name in named:
            # The second look is for file systems that ignore case.
            if name not in there and (
                not there or not os.path.exists(os.path.join(root, paths[row]))
            ):
                missing.append(row)
    return [paths[row] for row in sorted(missing)]


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder or "."))
    except OSError:
        return set()


def _check_no_file_twice(
    parts: Mapping[str, LabelledFiles], holds_out: bool
) -> None:
    """Raises if a file would be trained on and judged on."""
    trained: set[str] = set()
    for path in map(os.path.normpath, parts["train"].paths):
        if path in trained and holds_out:
            raise ValueError(
                "A file must be listed once where images are held out, or it "
                f"is trained on and judged on. Received: {path!r} twice. Leave "
                "one out; to draw rare images more often, use a sampler."
            )
        trained.add(path)
    for part, files in parts.items():
        for path in files.paths:
            if part != "train" and os.path.normpath(path) in trained:
                raise ValueError(
                    "A file must not be trained on and judged on. Received: "
                    f"{path!r} in 'train' and in {part!r}. Leave one out."
                )


def _fractions(
    parts: Mapping[str, LabelledFiles], validation: float, test: float
) -> dict[str, float]:
    check_fraction("validation_fraction", validation, open_end=True)
    check_fraction("test_fraction", test, open_end=True)
    if validation + test >= 1:
        raise ValueError(
            "`validation_fraction` and `test_fraction` must leave images to "
            f"train on. Received: {validation} and {test}. Make their sum "
            "smaller than 1."
        )
    return {
        "validation": 0.0 if "validation" in parts else validation,
        "test": 0.0 if "test" in parts else test,
    }


def _examples(
    files: LabelledFiles,
    class_names: Sequence[str] | None,
    part: str,
    broken_images: str,
    reading: Mapping[str, Any],
) -> Examples:
    num_classes = None if class_names is None else len(class_names)
    labels = check_labels(files.labels, num_classes, f"{part} labels")
    images = ImageFiles(files.paths, **reading)
    examples = Examples(images, labels)
    broken = images.broken() if broken_images != "raise" else {}
    if not broken:
        return examples
    first = next(iter(broken.values()))
    if broken_images == "check":
        raise ValueError(
            f"{len(broken)} of {len(images)} {part} images cannot be read. "
            f"The first: {first}"
        )
    warnings.warn(
        f"{len(broken)} of {len(images)} {part} images cannot be read and are "
        f"left out. The first: {first}",
        stacklevel=4,
    )
    return examples.take(np.setdiff1d(np.arange(len(images)), list(broken)))


def _numbers(parts: Mapping[str, LabelledFiles]) -> list[str]:
    """Returns names for all labels, those of broken images included."""
    largest = max(max(files.labels) for files in parts.values())
    return numbers_as_names(largest, len(parts["train"].labels))
