"""Says what to do where weights cannot be downloaded."""

import contextlib
import socket
from collections.abc import Iterator

SECONDS = 20.0
"""How long a server may be silent before a download is given up."""


@contextlib.contextmanager
def downloading(name: str) -> Iterator[None]:
    """Turns what a failed download raises into an error that says what to do.

    A network that drops packets would otherwise keep Keras waiting for minutes.

    Args:
        name: Of the backbone whose files may be downloaded.

    Raises:
        ConnectionError: If a download has failed.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        yield
    except Exception as error:
        if not _is_of_network(error):
            raise
        raise ConnectionError(
            f"The files of the backbone {name!r} must be downloaded, or be in "
            f"the cache of Keras or Kaggle from before. Received: {error}. "
            "Where there is no network, pass a file as --pretrained_weights, "
            "give a folder with a preset as --backbone=keras_hub/FOLDER, or "
            "leave out --pretrained to train from scratch."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _is_of_network(error: Exception) -> bool:
    # Keras raises an exception of no type of its own.
    if str(error).startswith("URL fetch failure"):
        return True
    # The others are kinds of OSError, as those of files are.
    return isinstance(error, OSError) and not isinstance(
        error, FileNotFoundError | PermissionError
    )
