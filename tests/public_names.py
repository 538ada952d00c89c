"""Finds what the library offers: every name in an `__all__`."""

import types
from collections.abc import Iterator
from typing import Any

import keras_lt


def public_modules(module: Any = keras_lt) -> Iterator[types.ModuleType]:
    """Yields `keras_lt` and the public modules below it."""
    yield module
    for name in module.__all__:
        member = getattr(module, name)
        if isinstance(member, types.ModuleType):
            yield from public_modules(member)


def public_objects() -> dict[str, Any]:
    """Returns the public classes and functions, by full name."""
    return {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in public_modules()
        for name in module.__all__
        if not isinstance(getattr(module, name), types.ModuleType)
    }
