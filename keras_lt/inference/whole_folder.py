"""Puts a folder in its place when all that belongs into it is written."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def whole_folder(
    folder: str | os.PathLike[str], overwrite: bool, mark: str
) -> Iterator[pathlib.Path]:
    """Gives a new folder beside `folder`, and moves it there at the end.

    Where the block raises, nothing of what it wrote stays, and what was there
    before is as it was.

    Args:
        folder: Where the files go: a name that is free, or an empty folder.
        overwrite: Whether a folder that is not empty is replaced as a whole;
            only if it holds the file `mark`, as a folder of another kind was
            hardly meant.
        mark: Name of a file that folders of this kind hold.
    """
    target = pathlib.Path(os.path.abspath(folder))
    _check_target(target, overwrite, mark)
    made = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(target, "partial")
    try:
        # Not `tempfile`, whose folders no one else may read.
        partial.mkdir()
        yield partial
        _replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _check_target(target: pathlib.Path, overwrite: bool, mark: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ValueError(
            "`folder` must be a folder, or not be there yet. Received: a file, "
            f"{str(target)!r}. Choose another name."
        )
    if not any(target.iterdir()):
        return
    if not (target / mark).is_file():
        raise ValueError(
            f"`folder` must be empty, or not be there yet. Received: "
            f"{str(target)!r}, which holds other files and no {mark!r}. Choose "
            "another name; `overwrite=True` replaces earlier exports only."
        )
    if not overwrite:
        raise ValueError(
            f"`folder` must be empty, or not be there yet. Received: "
            f"{str(target)!r}, which holds an earlier export. Choose another "
            "name, or pass `overwrite=True` to replace all of it."
        )


def _replace(partial: pathlib.Path, target: pathlib.Path) -> None:
    if not target.exists():
        os.replace(partial, target)
        return
    # A folder that is not empty cannot be replaced in one move.
    earlier = _beside(target, "earlier")
    os.replace(target, earlier)
    try:
        os.replace(partial, target)
    except BaseException:
        os.replace(earlier, target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _beside(target: pathlib.Path, kind: str) -> pathlib.Path:
    return target.with_name(f".{target.name}-{kind}-{secrets.token_hex(4)}")
