"""Weak scaling on paper: a measured step, and gradients that are summed up."""

import time
from typing import Any

import keras
import numpy as np

from keras_lt import losses
from keras_lt import models

DEVICES = (8, 16, 32, 64, 128, 256)

NODE = 8
"""Devices of a machine."""

INSIDE = (150e9, 5e-6)
"""Bandwidth between devices of a machine, bytes a second, and latency."""

BETWEEN = (10e9, 20e-6)
"""The same of the network, for each device of a machine."""

OVERLAP = 0.5
"""Share of a step that may hide the sum: gradients come one by one."""

NUM_CLASSES = 8142


def run(
    repeats: int,
    size: int = 32,
    image_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = NUM_CLASSES,
) -> list[dict]:
    """Times a step of ResNet-50 here, and extrapolates it to many devices.

    Args:
        repeats: How many steps are timed; the median counts.
        size: Images of a step on a device, the same for any number of them.
        image_shape: Of the images, which are noise.
        num_classes: Number of classes.
    """
    backbone = keras.applications.ResNet50(
        weights=None, include_top=False, input_shape=image_shape
    )
    model = models.LongTailModel(backbone, num_classes, classifier="cosine")
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        loss=losses.LDAM(np.ones(num_classes, int).tolist()),
    )
    step = step_seconds(model, size, image_shape, repeats)
    return rows(step, gradient_bytes(model))


def gradient_bytes(model: keras.Model) -> int:
    """Returns what each device sends in a step: float32 gradients."""
    return 4 * sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def rows(
    step_seconds: float,
    num_bytes: int,
    devices: tuple[int, ...] = DEVICES,
) -> list[dict[str, Any]]:
    """Returns the efficiency of a number of devices, one row for each.

    Efficiency is the images a second of a device, as a share of those of one
    device alone.

    Args:
        step_seconds: Time of a step on one device.
        num_bytes: Size of the gradients.
        devices: Numbers of devices.
    """
    found = []
    for number in devices:
        sums = sum_seconds(num_bytes, number)
        found.append(
            {
                "devices": number,
                "step_ms": 1e3 * step_seconds,
                "gradients_mb": num_bytes / 1e6,
                "sum_ms": 1e3 * sums,
                "efficiency_%": 100 * efficiency(step_seconds, sums, 0.0),
                "with_overlap_%": 100 * efficiency(step_seconds, sums, OVERLAP),
            }
        )
    return found


def sum_seconds(num_bytes: float, devices: int) -> float:
    """Returns how long it takes until all devices have the sum of gradients.

    First in each machine, then, a part for each of its devices, in a ring
    over the machines, then back in each machine.
    """
    inside = min(devices, NODE)
    machines = devices // inside
    return ring_seconds(num_bytes, inside, *INSIDE) + ring_seconds(
        num_bytes / inside, machines, *BETWEEN
    )


def ring_seconds(
    num_bytes: float, members: int, bandwidth: float, latency: float
) -> float:
    """Returns the time of a sum in a ring, in which each gets the result."""
    share = (members - 1) / members
    return 2 * share * num_bytes / bandwidth + 2 * (members - 1) * latency


def efficiency(step: float, sums: float, overlap: float) -> float:
    """Returns the share of the time in which a device computes."""
    return step / (step + max(0.0, sums - overlap * step))


def step_seconds(
    model: keras.Model, size: int, shape: tuple[int, int, int], repeats: int
) -> float:
    generator = np.random.default_rng(0)
    images = generator.standard_normal((size, *shape), "float32")
    labels = generator.integers(model.num_classes, size=size)
    model.train_on_batch(images, labels)  # Compiles.
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.train_on_batch(images, labels)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
