"""Describes an object in plain values, alike in every process."""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

_SHORT = 64
"""Sequences that are longer than this are told by their check sum."""

_DEEP = 8
"""Objects inside objects inside objects; further down, the class will do."""

_NOT_OUTPUTS = {
    "build_config",
    "compile_config",
    "seed",
    "shared_object_id",
    "trainable",
}
"""What a configuration holds that changes no output in inference."""


def describe(value: Any, depth: int = 0) -> Any:
    """Returns plain values that are equal in another process, too.

    Objects are told by their class and their public attributes, functions by
    their name.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return describe_array(value)
    if depth > _DEEP:
        return name_of(type(value))
    inside = functools.partial(describe, depth=depth + 1)
    if isinstance(value, list | tuple):
        return _shortened([inside(one) for one in value])
    if isinstance(value, Mapping):
        return {str(key): inside(one) for key, one in value.items()}
    if isinstance(value, keras.layers.Layer):
        return {
            "class": name_of(type(value)),
            "config_sha256": config_sha256(value),
        }
    if isinstance(value, functools.partial):
        return inside([value.func, value.args, value.keywords])
    if hasattr(value, "__qualname__"):
        return name_of(value)
    public = {
        name: inside(one)
        for name, one in getattr(value, "__dict__", {}).items()
        if not name.startswith("_")
    }
    return {"class": name_of(type(value)), **public}


def first_difference(
    saved: Any, current: Any, path: str = "", common: bool = False
) -> tuple[str, Any, Any] | None:
    """Returns the name of the first entry that differs, and both values.

    Args:
        saved: Plain values, as of `describe`.
        current: What they are compared with.
        path: What stands before the names.
        common: Whether entries that only one of them has do not count.
    """
    if isinstance(saved, dict) and isinstance(current, dict):
        for key in dict.fromkeys([*saved, *current]):
            if common and not (key in saved and key in current):
                continue
            inner = f"{path}.{key}" if path else key
            pair = saved.get(key), current.get(key)
            found = first_difference(*pair, inner, common)
            if found:
                return found
        return None
    lists = isinstance(saved, list) and isinstance(current, list)
    if lists and len(saved) == len(current):
        for place, pair in enumerate(zip(saved, current, strict=True)):
            found = first_difference(*pair, f"{path}[{place}]", common)
            if found:
                return found
        return None
    return None if saved == current else (path, saved, current)


def flat(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Returns the values of dicts inside of dicts, as `outer.inner`."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def describe_array(array: np.ndarray) -> Any:
    if array.size <= _SHORT:
        return array.tolist()
    digest = hashlib.sha256()
    # Piece by piece, as the array may be a file larger than the memory.
    rows = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "sha256": digest.hexdigest(),
    }


def _shortened(values: list[Any]) -> Any:
    return values if len(values) <= _SHORT else {"sha256": _json_sha256(values)}


def config_sha256(layer: keras.layers.Layer) -> str | None:
    """Returns a check sum of a configuration, whatever its layers are called.

    Keras numbers layers through a process: a model that is built twice has
    other names the second time.
    """
    try:
        config = keras.saving.serialize_keras_object(layer.get_config())
    except (NotImplementedError, TypeError, ValueError):
        return None  # The weights and the outputs have to tell it.
    names: dict[str, str] = {}
    _collect_names(config, names)
    return _json_sha256(_cleaned(config, names))


def _collect_names(config: Any, names: dict[str, str]) -> None:
    if isinstance(config, dict):
        name = config.get("name")
        if isinstance(name, str):
            names.setdefault(name, f"#{len(names)}")
    if isinstance(config, dict | list | tuple):
        inner = config.values() if isinstance(config, dict) else config
        for one in inner:
            _collect_names(one, names)


def _cleaned(config: Any, names: dict[str, str]) -> Any:
    if isinstance(config, dict):
        return {
            key: _cleaned(one, names)
            for key, one in config.items()
            if key not in _NOT_OUTPUTS
        }
    if isinstance(config, list | tuple):
        return [_cleaned(one, names) for one in config]
    return names.get(config, config) if isinstance(config, str) else config


def _json_sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=lambda o: type(o).__name__)
    return hashlib.sha256(text.encode()).hexdigest()


def name_of(thing: Any) -> str:
    module = getattr(thing, "__module__", "")
    return f"{module}.{getattr(thing, '__qualname__', repr(thing))}"
