"""Writes lists of the published kind, over few and small image files."""

import gzip
import pathlib

import numpy as np

from tests.data.prepared_folder import encoded

FILES = 8


def write_lists(folder, labels, compressed=()):
    """Writes `name.txt` for each name, and the images that they name.

    Args:
        folder: The `data_dir`.
        labels: By the name of a list, the label of each line.
        compressed: Names of lists that are written as `.txt.gz`.
    """
    for name, own in labels.items():
        part = name.rpartition("_")[2]  # As "train" of "Places_LT_train".
        (folder / part).mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            content = encoded(30 * number)
            (folder / part / f"{number}.JPEG").write_bytes(content)
        lines = [
            f"{part}/{row % FILES}.JPEG {label}\n"
            for row, label in enumerate(np.asarray(own).tolist())
        ]
        write_list(folder, name, lines, name in compressed)


def write_list(folder: pathlib.Path, name, lines, compressed=False):
    path = folder / f"{name}.txt{'.gz' if compressed else ''}"
    opener = gzip.open if compressed else open
    with opener(path, "wt") as file:
        file.writelines(lines)
