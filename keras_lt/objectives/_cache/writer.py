"""Computes the outputs of a teacher into a folder, and resumes there."""

import contextlib
import errno
import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lt.file_writing import replacing
from keras_lt.objectives._cache.growing_array import GrowingArray
from keras_lt.objectives._cache.stored_teacher import MANIFEST
from keras_lt.objectives._cache.stored_teacher import expected_arrays

PARTIAL = ".partial"
"""Where outputs are until they are whole."""

PROGRESS = "progress.json"

_SECONDS = 10.0
"""What a killed process loses at most."""


class CacheWriter:
    """Writes arrays of known shapes, from their first entry to their last.

    They are written to a folder for what is not whole, with the manifest and
    the number of entries that are safe. `finish` moves it into place.

    Args:
        folder: The folder of the cache.
        manifest: What the arrays are computed from; it goes on with those of
            the same manifest that are there in part.

    Attributes:
        done: Number of entries that need not be computed again.
    """

    def __init__(self, folder: pathlib.Path, manifest: dict[str, Any]):
        self.manifest = manifest
        self.partial = folder / PARTIAL
        self.done = self._resumable()
        if not self.done:
            shutil.rmtree(self.partial, ignore_errors=True)
        self._check_space()
        self.partial.mkdir(exist_ok=True)
        axes = len(manifest["entries"])
        self._arrays: dict[str, GrowingArray] = {}
        for name, (shape, dtype) in expected_arrays(manifest).items():
            path = self.partial / f"{name}.npy"
            self._arrays[name] = GrowingArray(
                path, shape, dtype, axes, self.done
            )
        self._saved_at = time.monotonic()

    def __enter__(self) -> "CacheWriter":
        return self

    def __exit__(self, kind: Any, *others: Any) -> None:
        if kind is not None:
            # What stopped the work may stop this; that is what is raised.
            with contextlib.suppress(OSError, ValueError):
                self.save()
        with contextlib.suppress(OSError):
            self._close()

    def append(self, values: dict[str, np.ndarray]) -> None:
        """Writes the next entries of all arrays.

        Args:
            values: Those entries, by name; others are left out.

        Raises:
            ValueError: If a value is not finite in the type of its array.
        """
        stored = {
            name: self._stored(name, values[name]) for name in self._arrays
        }
        self._in_words(lambda: self._append(stored))

    def finish(self, name: str, number: int) -> None:
        """Moves what is whole now into place.

        Args:
            name: What the teacher is called.
            number: Its place among the teachers.
        """
        self._in_words(self.save)
        self._close()
        text = json.dumps({**self.manifest, "number": number}, indent=2)
        self._in_words(lambda: _write(self.partial / MANIFEST, text + "\n"))
        folder = self.partial.parent / name
        os.replace(self.partial, folder)
        os.unlink(folder / PROGRESS)

    def save(self) -> None:
        """Makes sure that what is done will not have to be done again."""
        for array in self._arrays.values():
            array.save()
        progress = {"done": self.done, "manifest": self.manifest}
        _write(self.partial / PROGRESS, json.dumps(progress))
        self._saved_at = time.monotonic()

    def _close(self) -> None:
        for array in self._arrays.values():
            array.close()

    def _append(self, values: dict[str, np.ndarray]) -> None:
        for name, array in self._arrays.items():
            array.append(values[name])
        self.done += len(values["marks"])
        if time.monotonic() - self._saved_at > _SECONDS:
            self.save()

    def _stored(self, name: str, values: np.ndarray) -> np.ndarray:
        dtype = self._arrays[name].dtype
        with np.errstate(over="ignore"):
            stored = values.astype(dtype)
        if dtype.kind == "f" and not np.isfinite(stored).all():
            raise ValueError(
                f"The {name} of a teacher must be finite numbers in {dtype}. "
                f"Received: values of {np.abs(values).max()} at the most. Use "
                "`TeacherCache(folder, dtype='float32')` for values above "
                "65504; NaN and infinity come from the teacher."
            )
        return stored

    def _resumable(self) -> int:
        try:
            found = json.loads((self.partial / PROGRESS).read_text())
            return found["done"] if found["manifest"] == self.manifest else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _check_space(self) -> None:
        """Raises before the work, rather than after hours of it."""
        entries = int(np.prod(self.manifest["entries"]))
        needed = sum(
            int(np.prod(shape)) * np.dtype(dtype).itemsize
            for shape, dtype in expected_arrays(self.manifest).values()
        )
        needed = needed * (entries - self.done) // entries
        free = shutil.disk_usage(self.partial.parent).free
        if needed > free:
            raise OSError(
                errno.ENOSPC,
                "There must be room for the outputs of the teacher: "
                f"{needed / 1e9:.3g} GB. Received: a disk with "
                f"{free / 1e9:.3g} GB left. Make room, cache fewer epochs, or "
                "use another folder",
                str(self.partial.parent),
            )

    def _in_words(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise OSError(
                error.errno,
                "The outputs of the teacher could not be written: "
                f"{error.strerror}. Nothing of this teacher is read before it "
                "is whole. Make room and call `add` again, which goes on from "
                "what is there",
                str(self.partial.parent),
            ) from error


def _write(path: pathlib.Path, text: str) -> None:
    """Replaces a small file in one go."""
    with replacing(path) as partial, partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
