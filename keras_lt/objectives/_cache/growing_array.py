"""An array file that is written from its start to its end."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np


class GrowingArray:
    """Writes an `.npy` file piece by piece, and goes on where it stopped.

    Writing through a memory map would kill the process on a full disk; this
    raises `OSError`.

    Args:
        path: The file.
        shape: Shape of the whole array.
        dtype: Its type.
        entry_axes: Number of first axes that count the entries.
        done: Number of entries that are there already.
    """

    def __init__(
        self,
        path: pathlib.Path,
        shape: Sequence[int],
        dtype: str,
        entry_axes: int,
        done: int = 0,
    ):
        self.dtype = np.dtype(dtype)
        self._file = path.open("r+b" if done else "wb")
        np.lib.format.write_array_header_2_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": tuple(shape),
            },
        )
        entry = int(np.prod(shape[entry_axes:])) * self.dtype.itemsize
        self._file.seek(done * entry, os.SEEK_CUR)
        self._file.truncate()

    def append(self, values: np.ndarray) -> None:
        """Writes the next entries."""
        self._file.write(np.ascontiguousarray(values, self.dtype).data)

    def save(self) -> None:
        """Makes sure that what was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; what is not saved may be lost."""
        self._file.close()
