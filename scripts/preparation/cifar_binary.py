"""Reads the binary version of CIFAR, as its home page offers it."""

import pathlib
import tarfile

import numpy as np

PIXELS = 3 * 32 * 32

LAYOUTS = {
    "cifar-10-batches-bin": (
        1,
        [f"data_batch_{number}.bin" for number in range(1, 6)],
        ["test_batch.bin"],
    ),
    "cifar-100-binary": (2, ["train.bin"], ["test.bin"]),
}
"""Folder in the archive: bytes of labels per image, and files of each part.

CIFAR-100 has two labels; the second is the fine one, of 100 classes.
"""

PICKLES = ("cifar-10-batches-py", "cifar-100-python")


def read_cifar(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the images and labels in their official order.

    Raises:
        ValueError: If this is not a whole archive of the binary version.
    """
    try:
        with tarfile.open(path) as archive:
            return _read(archive, path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(
            "The archive must be a whole .tar.gz file. Received: "
            f"{str(path)!r}: {error}. Download it again."
        ) from error


def _read(
    archive: tarfile.TarFile, path: pathlib.Path
) -> dict[str, np.ndarray]:
    names = archive.getnames()
    folders = {pathlib.PurePosixPath(name).parts[0] for name in names}
    if folders & set(PICKLES):
        raise ValueError(
            "The archive must be the binary version of CIFAR. Received: "
            f"{str(path)!r}, the Python version, whose files are pickles, "
            "which can run any code when they are read. Download "
            "cifar-10-binary.tar.gz or cifar-100-binary.tar.gz."
        )
    known = [folder for folder in LAYOUTS if folder in folders]
    if not known:
        raise ValueError(
            f"The archive must hold one of the folders {', '.join(LAYOUTS)}. "
            f"Received: {str(path)!r} with {sorted(folders)[:3]}. Download "
            "cifar-10-binary.tar.gz or cifar-100-binary.tar.gz."
        )
    label_bytes, *parts = LAYOUTS[known[0]]
    arrays = {}
    for part, files in zip(("train", "test"), parts, strict=True):
        records = [
            _records(archive, f"{known[0]}/{file}", label_bytes)
            for file in files
        ]
        rows = np.concatenate(records)
        images = rows[:, label_bytes:].reshape(-1, 3, 32, 32)
        arrays[f"x_{part}"] = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        arrays[f"y_{part}"] = rows[:, label_bytes - 1].astype("int32")
    return arrays


def _records(
    archive: tarfile.TarFile, name: str, label_bytes: int
) -> np.ndarray:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    content = b"" if file is None else file.read()
    size = label_bytes + PIXELS
    if not content or len(content) % size:
        raise ValueError(
            f"{name!r} must hold images of {size} bytes. Received: "
            f"{len(content)} bytes. Download the archive again."
        )
    return np.frombuffer(content, "uint8").reshape(-1, size)
