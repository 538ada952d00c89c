"""How fast photos in files become batches, by how fast they are decoded."""

import os
import pathlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_lt.data import Batches
from keras_lt.data import ImageFiles
from keras_lt.data import transforms
from scripts.benchmarks._in_turn import both_seconds_of
from scripts.benchmarks._photos import write_photos

_TARGET = 0.9
_BATCH = 128


def run(repeats: int, size: int = 1024) -> list[dict]:
    """Measures the bare decoder and the batches in turn, on the same threads.

    The bare decoder opens a file with Pillow and makes an array of it, no
    more. Batches cut a part of random size out of each image, resize it to 224
    x 224 pixels, mirror it and jitter its colours; then they make float32
    numbers of it.

    Returns:
        One row for each number of threads and each recipe: images per second
        of both, the median of the ratios of their speeds, and the same by the
        time that processors were busy: what the ratio is where nothing else
        runs and all threads have a core.
    """
    crop = transforms.RandomResizedCrop()
    jitter = transforms.ColorJitter(0.4, 0.4, 0.4)
    augmented = [crop, transforms.RandomFlip(), jitter]
    recipes = {
        "crop, flip, jitter": transforms.Compose(augmented),
        "the same, normalised": transforms.imagenet("plain"),
    }
    with tempfile.TemporaryDirectory() as folder:
        names = write_photos(pathlib.Path(folder), min(size, 64))
        names = [names[row % len(names)] for row in range(size)]
        return [
            _measure(recipe, transform, folder, names, threads, repeats)
            for threads in sorted({1, os.cpu_count() or 1})
            for recipe, transform in recipes.items()
        ]


def _measure(
    recipe: str,
    transform: transforms.Transform,
    folder: str,
    names: list[str],
    threads: int,
    repeats: int,
) -> dict:
    files = ImageFiles(names, (224, 224), folder, num_threads=threads)
    batches = Batches(
        (files, np.arange(len(names)) % 2),
        min(_BATCH, len(names)),
        transform=transform,
        num_threads=2,
    )
    paths = [os.path.join(folder, name) for name in names]
    bare = _bare_decoder(paths, threads)
    _, *pairs = [_in_turn(bare, batches, e) for e in range(repeats + 1)]
    before, after = np.array(pairs).swapaxes(0, 1)
    ratio, busy_ratio = np.median(before / after, axis=0)
    return {
        "threads": threads,
        "recipe": recipe,
        "decoder": len(names) / float(np.median(before[:, 0])),
        "batches": len(names) / float(np.median(after[:, 0])),
        "ratio": float(ratio),
        "ratio_of_busy_time": float(busy_ratio),
        "target": _TARGET,
    }


def _in_turn(
    bare: Callable[[], None], batches: Batches, epoch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the seconds of both, which so see the same machine."""

    def whole_epoch() -> None:
        for index in range(len(batches)):
            batches[index]

    before = both_seconds_of(bare)
    batches.set_epoch(epoch)
    middle = both_seconds_of(whole_epoch)
    return (before + both_seconds_of(bare)) / 2, middle


def _bare_decoder(paths: list[str], threads: int) -> Callable[[], None]:
    from PIL import Image

    def decode(path: str) -> None:
        with Image.open(path) as image:
            np.asarray(image.convert("RGB"))

    def work() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(decode, paths):
                pass

    return work
