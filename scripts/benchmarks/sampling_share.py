"""What sampling costs beside reading, on data of the size of iNaturalist."""

import os
import pathlib
import tempfile
from collections.abc import Sequence

import numpy as np

from keras_lt import data
from keras_lt import samplers
from scripts.benchmarks._in_turn import both_seconds_of
from scripts.benchmarks._in_turn import seconds_of
from scripts.benchmarks._photos import write_photos

NUM_CLASSES = 8_142
LARGEST, SMALLEST = 1_000, 2
POWER = 2.0
_BATCH = 256
_COUNTS = "iNaturalist18_train_class_counts.txt"


def run(repeats: int, size: int = 437_513) -> list[dict]:
    """Measures a start, an epoch of draws, and the input that they are for.

    A list with a folder per class is written, whose files are links to some
    photos, and read by `data.from_list`. The number of images of each class is
    that of iNaturalist 2018 if `KERAS_LT_DATA` has it, else a power law.

    Returns:
        Rows with seconds. The input of an epoch is extrapolated from a few of
        its batches.
    """
    counts = _counts(size)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        _write(folder, counts)
        starts, busy, indices = zip(
            *(_start(folder) for _ in range(repeats)), strict=True
        )
    index = indices[0]
    draws = [
        seconds_of(lambda e=e: samplers.ClassBalanced()(index, 0, e))
        for e in range(repeats)
    ]
    return _rows(starts, busy, draws, len(index), repeats)


def _rows(
    starts: Sequence[float],
    busy: Sequence[float],
    draws: Sequence[float],
    size: int,
    repeats: int,
) -> list[dict]:
    images = min(size, 512)
    reading = [size * s for s in _seconds_per_image(images, repeats)]
    shares = [max(draws) / seconds for seconds in reading]
    return [
        {
            "part": "start to first batch, s",
            **_summary(starts),
            "target": "5",
        },
        {"part": "of it, processors busy, s", **_summary(busy), "target": ""},
        {"part": "draws of an epoch, s", **_summary(draws), "target": ""},
        {"part": "input of an epoch, s", **_summary(reading), "target": ""},
        {"part": "draws by input", **_summary(shares), "target": "0.03"},
    ]


def _summary(values: Sequence[float]) -> dict:
    return {"median": float(np.median(values)), "largest": float(max(values))}


def _counts(size: int) -> np.ndarray:
    """Returns how many images each class has."""
    path = next(pathlib.Path(_data_dir()).rglob(_COUNTS), None)
    if path is not None and size == 437_513:
        return np.loadtxt(path, dtype=int)
    return power_law(size)


def _data_dir() -> str:
    return os.environ.get("KERAS_LT_DATA", os.devnull)


def power_law(size: int) -> np.ndarray:
    """Returns the counts of classes, from the largest on, `size` in all."""
    places = np.arange(min(NUM_CLASSES, max(2, size // 50)))

    def counts(head: float) -> np.ndarray:
        falling = LARGEST * (1 + places / head) ** -POWER
        return np.maximum(SMALLEST, np.rint(falling).astype(int))

    low, high = 1e-3, 1e6
    for _ in range(60):
        middle = (low * high) ** 0.5
        if counts(middle).sum() < size:
            low = middle
        else:
            high = middle
    found = counts(low)
    found[0] += size - found.sum()
    return found


def _write(folder: pathlib.Path, counts: np.ndarray) -> None:
    photos = [
        folder / name for name in write_photos(folder, min(64, counts.sum()))
    ]
    lines = []
    for label, count in enumerate(counts.tolist()):
        (folder / f"{label}").mkdir()
        for number in range(count):
            name = f"{label}/{number}.jpg"
            os.link(photos[len(lines) % len(photos)], folder / name)
            lines.append(f"{name} {label}\n")
    (folder / "train.txt").write_text("".join(lines))


def _start(folder: pathlib.Path) -> tuple[float, float, samplers.ClassIndex]:
    """Returns the seconds to the first batch, and the rows of each class."""
    found = []

    def work() -> None:
        split = data.from_list(folder / "train.txt", root=folder)
        batches = data.Batches(
            split.train,
            min(_BATCH, len(split.train)),
            sampler=samplers.ClassBalanced(),
            transform=data.transforms.imagenet("crop"),
            num_threads=0,
        )
        batches[0]
        found.append(batches.class_index)

    seconds, busy = both_seconds_of(work)
    return seconds, busy, found[0]


def _seconds_per_image(images: int, repeats: int) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        names = write_photos(pathlib.Path(folder), min(images, 64))
        names = [names[row % len(names)] for row in range(images)]
        files = data.ImageFiles(names, (224, 224), folder)
        batches = data.Batches(
            (files, np.arange(len(names)) % 2),
            min(_BATCH, images),
            transform=data.transforms.imagenet("crop"),
            num_threads=2,
        )

        def epoch() -> None:
            for index in range(len(batches)):
                batches[index]

        epoch()
        return [seconds_of(epoch) / len(names) for _ in range(repeats)]
