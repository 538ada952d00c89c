"""Puts files in their place when all that belongs into them is written."""

import contextlib
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Gives the name of a new file, and moves it to `path` at the end.

    Where the block raises, the new file goes, and what was there stays. It has
    the permissions of any file that is written, which those of `tempfile` have
    not, and a name that ends as `path` does, as Keras goes by it.
    """
    target = pathlib.Path(path)
    name = f".partial-{secrets.token_hex(4)}-{target.name}"
    partial = target.with_name(name)
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def write_files(
    folder: str | os.PathLike[str], write: Callable[[pathlib.Path], None]
) -> None:
    """Moves the files that `write` makes into `folder` when all are complete.

    They are moved one by one: a process that is killed meanwhile leaves some
    of them new, each of them whole.

    Args:
        folder: Where the files go; made if it is not there. Other files in it
            are left alone.
        write: Called with an empty folder on the same disk.

    Raises:
        ValueError: If `folder` is a file, or holds a folder with the name of
            a file.
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
        _check_targets(target, [file.name for file in files])
        # JSON last: where it is new, everything is.
        for file in sorted(files, key=lambda file: file.suffix == ".json"):
            os.replace(file, target / file.name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_if_empty(made)
        raise
    partial.rmdir()


def _check_targets(folder: pathlib.Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).is_dir():
            raise ValueError(
                "A file must not have the name of a folder that is there. "
                f"Received: the folder {str(folder / name)!r}. Move it away, "
                "or choose another name for the files to go to."
            )


def _remove_if_empty(folders: list[pathlib.Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
