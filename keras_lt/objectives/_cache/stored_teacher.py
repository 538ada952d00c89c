"""The outputs of one teacher in a folder, as they are read."""

import json
import pathlib
from typing import Any

import numpy as np

MANIFEST = "manifest.json"

FORMAT = 3
"""Raised when the meaning of a file changes."""


class StoredTeacher:
    """Reads the outputs of one teacher from a folder that is whole.

    Args:
        folder: Where they are.

    Attributes:
        manifest: What they were computed from.
        features: `(epochs, positions, dim)` or `(rows, dim)`, on the disk.
        logits: Likewise; None if there are none, or they are not kept.
        marks: Short numbers of the images, `(epochs, positions)` or `(rows,)`.

    Raises:
        ValueError: If a file is not what the manifest says, or of another
            format.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        try:
            self.manifest = json.loads((folder / MANIFEST).read_text())
            if self.manifest["format"] != FORMAT:
                raise ValueError(
                    f"it is of format {self.manifest['format']}, in place of "
                    f"{FORMAT}"
                )
            self.number = int(self.manifest.pop("number"))
            arrays = {
                kind: self._read(kind, *expected)
                for kind, expected in expected_arrays(self.manifest).items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                "A teacher in a cache must be whole, and of the format of this "
                f"version. Received: {str(folder)!r}: {error}. Delete this "
                "folder and add the teacher again, or keep the cache elsewhere."
            ) from error
        self.features = arrays["features"]
        self.marks = arrays["marks"]
        self.logits = arrays.get("logits")

    @property
    def name(self) -> str:
        """What the teacher is called in the cache."""
        return self.folder.name

    @property
    def num_classes(self) -> int | None:
        """Number of logits; None if `logits` is."""
        return None if self.logits is None else self.logits.shape[-1]

    @property
    def epochs(self) -> int | None:
        """Number of epochs; None if the outputs are those of rows."""
        return self.manifest["epochs"]

    def _read(
        self, kind: str, shape: tuple[int, ...], dtype: str
    ) -> np.ndarray:
        path = self.folder / f"{kind}.npy"
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(
                f"{path.name} holds {array.dtype} of shape {array.shape} in "
                f"place of {dtype} of shape {shape}"
            )
        return array


def expected_arrays(
    manifest: dict[str, Any],
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Returns shape and type of each array of a teacher, by name."""
    entries = tuple(manifest["entries"])
    teacher, dtype = manifest["teacher"], manifest["dtype"]
    arrays = {
        "features": ((*entries, teacher["feature_dim"]), dtype),
        "marks": (entries, "uint32"),
    }
    if manifest["logits"] and teacher["num_classes"] is not None:
        arrays["logits"] = ((*entries, teacher["num_classes"]), dtype)
    return arrays
