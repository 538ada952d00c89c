"""Writes down which examples a split holds, so that another can be compared."""

import json
import os
import pathlib
from typing import Any

from keras_lt.data.split import Split
from keras_lt.file_writing import replacing
from keras_lt.plain_description import flat


def save_manifest(split: Split, path: str | os.PathLike[str]) -> None:
    """Writes the manifest of a split to a JSON file.

    Keep it beside results: with `data.compare_manifest` it shows later, or on
    another machine, whether these were the same examples in the same order.

    Args:
        split: What to describe.
        path: The file. It is replaced in one go, so that it is never there
            in part.

    Example:

    ```python
    split = data.load("digits_lt", imbalance_factor=20)
    data.save_manifest(split, "digits_lt.json")
    ```
    """
    text = json.dumps(split.manifest(), indent=2) + "\n"
    with replacing(path) as partial:
        partial.write_text(text)


def compare_manifest(split: Split, path: str | os.PathLike[str]) -> list[str]:
    """Says in what a split differs from a saved manifest.

    Args:
        split: What there is now.
        path: A file of `data.save_manifest`.

    Returns:
        A sentence for each difference; an empty list if there is none.

    Raises:
        ValueError: If the file is not a manifest.

    Example:

    ```python
    differences = data.compare_manifest(split, "digits_lt.json")
    if differences:
        raise SystemExit("\\n".join(differences))
    ```
    """
    try:
        saved = json.loads(pathlib.Path(path).read_text())
        entries = flat(saved)
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            "A manifest must be a file of `data.save_manifest`. Received: "
            f"{os.fspath(path)!r}: {error}."
        ) from error
    current = flat(json.loads(json.dumps(split.manifest())))
    return [
        _difference(key, entries.get(key), current.get(key))
        for key in dict.fromkeys([*entries, *current])
        if entries.get(key) != current.get(key)
    ]


def _difference(key: str, saved: Any, current: Any) -> str:
    if isinstance(saved, list) and isinstance(current, list):
        if len(saved) != len(current):
            saved, current = f"{len(saved)} of them", f"{len(current)} of them"
        else:
            differ = [a != b for a, b in zip(saved, current, strict=True)]
            first = differ.index(True)
            key = f"{key}[{first}] (and {sum(differ) - 1} more)"
            saved, current = saved[first], current[first]
    return f"{key}: the manifest has {saved}, this split {current}."
