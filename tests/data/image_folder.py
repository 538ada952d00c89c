"""Writes small folders of images for the tests."""

import pathlib

import numpy as np
from PIL import Image


def write_image(
    path: pathlib.Path, value: int = 0, size: tuple[int, int] = (12, 10)
) -> pathlib.Path:
    """Writes an image of one colour, `size` high and wide."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, dtype="uint8")
    Image.fromarray(pixels).save(path)
    return path


def write_classes(
    folder: pathlib.Path, counts: dict[str, int], suffix: str = ".png"
) -> pathlib.Path:
    """Writes a folder per class, whose images are numbered in their pixels."""
    for label, (name, count) in enumerate(counts.items()):
        for number in range(count):
            value = 40 * label + number
            write_image(folder / name / f"{number:03}{suffix}", value)
    return folder
