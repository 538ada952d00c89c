"""Reads the label of every record once, and keeps them in a file."""

import hashlib
import itertools
import json
import os
import pathlib
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_lt.data.prepared_images import PreparedImages
from keras_lt.file_writing import write_files

PART = 256
"""Records that a thread reads at a time."""


def labels_of(
    images: PreparedImages,
    label_key: str,
    cache_dir: str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """Returns the labels of the records, without decoding their images.

    A label stands in the record of its image, so that finding all of them
    reads all records. This is done once: the labels are then kept in a file,
    with what they were read from, and are read again if that has changed.

    Args:
        images: Of all records, in their order.
        label_key: Name of the feature that holds the labels.
        cache_dir: Folder of that file; by default that of the records.
    """
    source = {"label": label_key, **_description(images)}
    path = _cache_path(images, label_key, cache_dir)
    labels = _cached(path, source)
    if labels is None:
        labels = _read(images, label_key)
        _keep(path, labels, source)
    return labels


def _description(images: PreparedImages) -> dict[str, Any]:
    """Says which files the records are in, so that others are noticed."""
    files = sorted(images.folder.glob(f"*-{images.part}.*"))
    return {
        "part": images.part,
        "examples": len(images),
        "files": {path.name: path.stat().st_size for path in files},
    }


def _cache_path(
    images: PreparedImages,
    label_key: str,
    cache_dir: str | os.PathLike[str] | None,
) -> pathlib.Path:
    if cache_dir is None:
        return images.folder / f"keras_lt_{images.part}_{label_key}.npz"
    # One folder may serve many data sets.
    place = hashlib.sha256(str(images.folder.absolute()).encode()).hexdigest()
    name = f"keras_lt_{images.part}_{label_key}_{place[:16]}.npz"
    return pathlib.Path(cache_dir).expanduser() / name


def _cached(path: pathlib.Path, source: dict[str, Any]) -> np.ndarray | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if json.loads(str(arrays["source"])) == source:
                return arrays["labels"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # There is no such file, or not a whole one.
    return None


def _read(images: PreparedImages, label_key: str) -> np.ndarray:
    def work(start: int) -> list[int]:
        rows = range(start, min(start + PART, len(images)))
        return [int(images.example(row)[label_key]) for row in rows]

    with ThreadPoolExecutor(images.num_threads) as threads:
        parts = threads.map(work, range(0, len(images), PART))
        found = itertools.chain.from_iterable(parts)
        return np.fromiter(found, "int32", count=len(images))


def _keep(
    path: pathlib.Path, labels: np.ndarray, source: dict[str, Any]
) -> None:
    def write(folder: pathlib.Path) -> None:
        np.savez(folder / path.name, labels=labels, source=json.dumps(source))

    try:
        write_files(path.parent, write)
    except (OSError, ValueError) as error:
        warnings.warn(
            "The labels could not be kept, and will be read from all records "
            f"the next time, too: {error}. Pass `cache_dir`, a folder that "
            "can be written to.",
            stacklevel=4,
        )
