"""How many CIFAR images a second the batches deliver."""

import time

import numpy as np

from keras_lt.data import Batches
from keras_lt.data import transforms

_TARGET = 10_000


def run(repeats: int, size: int = 50_000) -> list[dict]:
    """Measures whole epochs of noise images, in batches of 128.

    Returns:
        One row per recipe and number of threads, with the median and the
        smallest number of images per second.
    """
    generator = np.random.default_rng(0)
    shape = (size, 32, 32, 3)
    images = generator.integers(0, 256, shape, dtype="uint8")
    examples = images, generator.integers(100, size=size)
    mixed = transforms.Compose(
        [transforms.cifar(), transforms.Mixup(num_classes=100)]
    )
    recipes = {
        "evaluation": transforms.cifar(training=False),
        "plain: crop, flip, normalise": transforms.cifar("plain"),
        "plain and mixup": mixed,
        "strong: AutoAugment, Cutout": transforms.cifar("strong"),
    }
    return [
        _measure(name, transform, examples, threads, repeats)
        for name, transform in recipes.items()
        for threads in (0, 1, 2)
    ]


def _measure(
    name: str,
    transform: transforms.Transform,
    examples: tuple[np.ndarray, np.ndarray],
    threads: int,
    repeats: int,
) -> dict:
    batches = Batches(examples, 128, transform=transform, num_threads=threads)
    speeds = []
    for epoch in range(repeats):
        batches.set_epoch(epoch)
        start = time.perf_counter()
        seen = sum(len(labels) for _, labels in batches)
        speeds.append(seen / (time.perf_counter() - start))
    return {
        "recipe": name,
        "threads": threads,
        "images_per_second": round(float(np.median(speeds))),
        "slowest": round(min(speeds)),
        "times_target": float(np.median(speeds)) / _TARGET,
    }
