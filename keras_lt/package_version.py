"""Reads which version of a package is installed."""

import importlib.metadata


def package_version(name: str) -> str | None:
    """Returns the version of a package, by its name in pip; None without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
