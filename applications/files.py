"""Writes files whole or not at all."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lt.file_writing import replacing


def write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes JSON with one line per entry; lists may be long."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
        for key, value in content.items()
    )
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes text in UTF-8."""
    with _replacing(path) as partial:
        partial.write_bytes(text.encode())


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed `.npz`."""
    with _replacing(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)


def write_model(path: pathlib.Path, model: keras.Model) -> None:
    """Writes a model as Keras saves it."""
    with _replacing(path) as partial:
        model.save(partial)


@contextlib.contextmanager
def _replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives the name of a file that takes the place of `path` when whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        yield partial
