"""Images in a folder per class, as people have them."""

import os
from collections import Counter
from typing import Any

from keras_lt.data.file_parts import PART_NAMES
from keras_lt.data.file_parts import LabelledFiles
from keras_lt.data.file_parts import split_of_files
from keras_lt.data.split import Split
from keras_lt.validation import check_choice

EXTENSIONS = (".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp").split()
"""Ends of the names of files that count as images, in lower case."""

DESKTOP_FILES = ("desktop.ini", "thumbs.db")
"""Left in folders by file managers; passed over, as hidden files are."""


def from_directory(
    folder: str | os.PathLike[str],
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.0,
    image_size: tuple[int, int] = (64, 64),
    broken_images: str = "raise",
    stray_files: str = "raise",
    seed: int = 0,
    **reading: Any,
) -> Split:
    """Makes a split of a folder that has one folder of images per class.

    Classes are numbered in the order of their folders' names: by value if all
    names are numbers, else by alphabet. Images may lie in folders within a
    class's. If the folder holds `train` and maybe `val` (or `validation`) and
    `test`, each with a folder per class, these are the parts of the split.

    Links to folders are followed. Images are read when they are needed, in
    threads.

    Args:
        folder: Where the class folders are.
        validation_fraction: Share of each class that is held out, from 0 to
            below 1. A class keeps one image at least. Not used where there is
            a folder `val`.
        test_fraction: The same, for the test part.
        image_size: Height and width that images are resized to.
        broken_images: What is done about files that cannot be decoded:
            `"raise"` when such a file is first needed, `"check"` all files now
            and raise, or `"skip"` them after checking all files now.
        stray_files: What is done about other files: `"raise"` or `"ignore"`.
        seed: Decides which images are held out.
        **reading: `color`, `crop_to_aspect_ratio` and `num_threads` of
            `data.ImageFiles`.

    Returns:
        A `data.Split` with lazy images.

    Raises:
        ValueError: If a class folder is empty, a file is not an image, a
            folder looks like an unknown part, or there are no classes. The
            message names it.

    Example:

    ```python
    split = data.from_directory("photos", image_size=(64, 64))
    split.class_names, split.class_counts  # ["cat", "dog"], [812, 31]
    ```
    """
    root = os.fspath(folder)
    check_choice("stray_files", stray_files, ("raise", "ignore"))
    ignore = stray_files == "ignore"
    names = _folders(root, ignore)
    folders = {PART_NAMES.get(name.lower(), name): name for name in names}
    if "train" not in folders or set(folders) - set(PART_NAMES.values()):
        _check_no_parts(root, names)
        folders = {"train": ""}
    elif len(folders) < len(names):
        raise ValueError(
            "Each part of a split must be in one folder. Received: "
            f"{', '.join(sorted(names))} in {root!r}, of which two mean the "
            "same part. Put their images together, or move one away."
        )
    class_names = _ordered(
        _folders(os.path.join(root, folders["train"]), ignore)
    )
    parts = {
        part: _files(root, name, class_names, ignore)
        for part, name in folders.items()
    }
    return split_of_files(
        parts,
        class_names,
        name=os.path.basename(os.path.abspath(root)),
        broken_images=broken_images,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        seed=seed,
        root=root,
        image_size=image_size,
        **reading,
    )


def _folders(path: str, ignore: bool) -> list[str]:
    """Returns the names of the folders in a folder that may hold no files."""
    if not os.path.isdir(path):
        raise ValueError(
            "`folder` must be a folder with one folder of images per class. "
            f"Received: {path!r}, which is not a folder. Check the path."
        )
    names = []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                names.append(entry.name)
            elif not ignore:
                raise _stray(entry.path, "beside the folders of the classes")
    if not names:
        raise ValueError(
            "`folder` must hold one folder of images per class. Received: "
            f"{path!r}, which holds no folders. Put the images of each class "
            "into a folder with the class's name."
        )
    return names


def _check_no_parts(root: str, names: list[str]) -> None:
    """Raises if folders that are taken for classes look like parts."""
    if not any("train" in name.lower() for name in names):
        return
    within = Counter(
        folder
        for name in names
        for folder in _only_folders(os.path.join(root, name))
    )
    for folder, count in within.items():
        if count > 1:
            raise ValueError(
                "Parts of a split must be in folders called train, val and "
                f"test, with no other beside them. Received: "
                f"{', '.join(names)} in {root!r}, {count} of which have a "
                f"folder {folder!r}. Name the parts train, val and test, and "
                "move other folders away; or, if these are classes, put their "
                "images right into them."
            )


def _only_folders(path: str) -> list[str]:
    """Returns the folders in one that has no images of its own."""
    with os.scandir(path) as entries:
        inside = [entry for entry in entries if not _is_hidden(entry.name)]
    if any(_is_image(entry.name) for entry in inside):
        return []
    return [entry.name for entry in inside if entry.is_dir()]


def _files(
    root: str, part: str, class_names: list[str], ignore: bool
) -> LabelledFiles:
    """Returns the images of a part, with paths relative to the root."""
    paths: list[str] = []
    labels: list[int] = []
    there = set(_folders(os.path.join(root, part), ignore))
    unknown = sorted(there - set(class_names))
    if unknown:
        raise ValueError(
            "Every class must have training images. Received: the folder "
            f"{os.path.join(root, part, unknown[0])!r}, without one of that "
            "name in the training folder. Remove it, or add training images."
        )
    for label, class_name in enumerate(class_names):
        if class_name not in there:
            continue
        found = _images(root, os.path.join(part, class_name), ignore)
        if not found:
            raise ValueError(
                "Every class must have an image or more. Received: the folder "
                f"{os.path.join(root, part, class_name)!r} without images "
                f"({', '.join(EXTENSIONS)}). Add images, or remove the folder."
            )
        paths.extend(found)
        labels.extend([label] * len(found))
    return LabelledFiles(paths, labels)


def _images(root: str, folder: str, ignore: bool) -> list[str]:
    found = []
    seen = set()
    top = os.path.join(root, folder)
    for above, folders, names in os.walk(top, followlinks=True):
        real = os.path.realpath(above)
        if real in seen:
            raise ValueError(
                "A class must have each folder once. Received: the folder "
                f"{above!r}, a link to {real!r}, which is among its folders. "
                "Remove the link."
            )
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        inside = os.path.relpath(above, root)
        for name in sorted(names):
            if _is_hidden(name):
                continue
            if _is_image(name):
                found.append(os.path.join(inside, name))
            elif not ignore:
                raise _stray(os.path.join(above, name), "among the images")
    return found


def _stray(path: str, place: str) -> ValueError:
    return ValueError(
        "The folder must hold images only, in a folder per class. Received: "
        f"the file {path!r} {place}. Move it away, or pass "
        '`stray_files="ignore"`.'
    )


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in DESKTOP_FILES


def _ordered(names: list[str]) -> list[str]:
    # Folders 0 to 10 mean labels 0 to 10; the alphabet has 10 before 2.
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    return sorted(names)
