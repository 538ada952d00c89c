"""Lets one process at a time write into a folder."""

import contextlib
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def only_writer(folder: pathlib.Path) -> Iterator[None]:
    """Waits until no other process writes; ends with the process at the latest.

    Several processes of one training may all ask for the same outputs: one
    computes them, and the others find them there.
    """
    try:
        import fcntl
    except ImportError:  # Windows has none: there, start one process first.
        yield
        return
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
