"""Writes several files as one: all of them, or none."""

import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable


def write_files(
    folder: str | os.PathLike[str], write: Callable[[pathlib.Path], None]
) -> None:
    """Moves the files that `write` makes into `folder` when all are complete.

    Args:
        folder: Where the files go; made if it is not there. Other files in it
            are left alone.
        write: Called with an empty folder on the same disk.

    Raises:
        ValueError: If `folder` is a file.
        OSError: If writing fails. Nothing half-written stays.
    """
    target = pathlib.Path(folder)
    if target.exists() and not target.is_dir():
        raise ValueError(
            f"`folder` must be a folder, or not be there yet. Received: a "
            f"file, {str(target)!r}. Choose another name."
        )
    made = [p for p in (target, *target.parents) if not p.exists()]
    target.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=target))
    try:
        write(partial)
        files = sorted(partial.iterdir(), key=lambda file: file.name)
        # JSON last: where it is new, everything is.
        for file in sorted(files, key=lambda file: file.suffix == ".json"):
            os.replace(file, target / file.name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_if_empty(made)
        raise
    partial.rmdir()


def _remove_if_empty(folders: list[pathlib.Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
