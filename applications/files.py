"""Writes files whole or not at all."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes JSON with one line per entry; lists may be long."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
        for key, value in content.items()
    )
    _replace(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes text in UTF-8."""
    _replace(path, text.encode())


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a compressed `.npz`."""
    temporary = _temporary(path)
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_model(path: pathlib.Path, model: keras.Model) -> None:
    """Writes a model as Keras saves it."""
    # Keras goes by the end of the name.
    temporary = path.with_name(f".{os.getpid()}.tmp.{path.name}")
    try:
        model.save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(path: pathlib.Path, content: bytes) -> None:
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: pathlib.Path) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")
