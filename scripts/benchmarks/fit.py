"""Step time of `fit`: against plain Keras, the bare network, plain PyTorch."""

import importlib
import importlib.util
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import keras
import numpy as np

from keras_lt import data
from keras_lt import layers
from keras_lt import models
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import row
from scripts.benchmarks._in_turn import seconds_of

TARGET = 1.05
"""The most that a step may take, in steps of plain Keras."""

INPUT_TARGET = 1.10
"""The most that a step with its input may take, in steps of the network."""

LAYERS_TARGET = 1.0
"""The most that a step may take, in steps with the layers of Keras."""

TORCH_TARGET = 1.0
"""The most that it may take in steps of plain PyTorch."""

_DECAY = 2e-4


def run(
    repeats: int,
    size: int = 1024,
    batch_size: int = 128,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 100,
    network: Callable[..., keras.Model] = models.resnet32,
    torch_blocks: int = 5,
) -> list[dict]:
    """Times `fit` in five ways.

    - On arrays, in turn with plain Keras.
    - With the layers of this library, in turn with those of Keras.
    - On `Batches` and on `DeviceBatches` that augment as CIFAR recipes do,
      between two trainings of the bare network on one batch, over and over.
    - The last against the same network in plain PyTorch, which gets one batch
      over and over and augments nothing. Left out without PyTorch.

    Args:
        repeats: Number of ratios of each; 15 or more settle the median.
        size: Images of a block of steps; on a GPU, 20,000 or more.
        batch_size: Images of a step.
        image_shape: Of the images, which are noise.
        num_classes: Number of classes.
        network: Makes the backbone from the shape of the images.
        torch_blocks: Blocks of each stage of the network in PyTorch.

    Returns:
        One row each, with the median of the ratios and their quartiles, the
        images in a second, and the share of the time that input takes.
    """
    generator = np.random.default_rng(0)
    steps = max(1, size // batch_size)
    count = steps * batch_size
    images = generator.integers(0, 256, (count, *image_shape), "uint8")
    labels = generator.integers(num_classes, size=count, dtype="int32")
    fixed = _FixedBatch(images[:batch_size], labels[:batch_size], steps)

    def ours(backbone: keras.Model, weight_decay: float = 0.0) -> keras.Model:
        model = models.LongTailModel(
            backbone, num_classes, weight_decay=weight_decay
        )
        return _compiled(model)

    arrays = (fixed.x, labels, batch_size, repeats)
    rows = [
        _on_arrays(
            "LongTailModel / plain Keras, arrays",
            TARGET,
            ours(network(image_shape)),
            _compiled(_plain_model(network(image_shape), num_classes)),
            *arrays,
        ),
        _on_arrays(
            "Conv2D, BatchNormalization / those of Keras",
            LAYERS_TARGET,
            ours(network(image_shape)),
            ours(_with_layers_of_keras(network(image_shape))),
            *arrays,
        ),
    ]
    bare = ours(network(image_shape), _DECAY)
    for kind in (data.Batches, data.DeviceBatches):
        batches = kind(
            (images, labels), batch_size, transform=data.transforms.cifar()
        )
        before = _epoch_seconds(bare, fixed, repeats)
        own = _epoch_seconds(
            ours(network(image_shape), _DECAY), batches, repeats
        )
        after = _epoch_seconds(bare, fixed, repeats)
        compared = own / np.median([before, after])
        what = f"{kind.__name__} / bare network"
        rows.append(_row(what, compared, INPUT_TARGET, count / own))
        rows[-1]["input_share"] = max(0.0, 1 - 1 / rows[-1]["ratio"])
    if importlib.util.find_spec("torch"):
        seconds = _torch_step_seconds(
            repeats, batch_size, steps, image_shape, num_classes, torch_blocks
        )
        what = f"{data.DeviceBatches.__name__} / plain PyTorch"
        compared = own / steps / np.median(seconds)
        rows.append(_row(what, compared, TORCH_TARGET, count / own))
        rows[-1]["other_images_per_second"] = float(
            batch_size / np.median(seconds)
        )
    return rows


class _FixedBatch(keras.utils.PyDataset):
    """One batch, normalised before, over and over."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, steps: int
    ) -> None:
        super().__init__()
        transform = data.transforms.cifar(training=False)
        generator = np.random.default_rng(0)
        self.batch = transform(images, labels, generator)
        self.steps = steps

    @property
    def x(self) -> np.ndarray:
        """The images of an epoch as one array."""
        return np.concatenate([self.batch[0]] * self.steps)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.batch


class _EpochTimer(keras.callbacks.Callback):
    """Keeps how long each epoch took."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._start)


def _with_layers_of_keras(network: keras.Model) -> keras.Model:
    """Returns the network with convolution and normalization of Keras."""
    theirs = {
        layers.BatchNormalization: keras.layers.BatchNormalization,
        layers.Conv2D: keras.layers.Conv2D,
    }

    def of_keras(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = theirs.get(type(layer), type(layer))
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=of_keras)


def _on_arrays(
    what: str,
    target: float,
    own: keras.Model,
    other: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    repeats: int,
) -> dict:
    """Trains both in turn, in blocks, so that both see the same machine."""
    own_seconds = []

    def seconds(model: keras.Model) -> float:
        return seconds_of(
            lambda: model.fit(
                images, labels, batch_size, shuffle=False, verbose=0
            )
        )

    def timed() -> float:
        own_seconds.append(seconds(own))
        return own_seconds[-1]

    for model in (other, own):
        seconds(model)  # Compiles, and warms up.
    found = ratios(timed, lambda: seconds(other), repeats)
    return _row(what, found, target, len(images) / np.array(own_seconds))


def _epoch_seconds(
    model: keras.Model, batches: Any, repeats: int
) -> np.ndarray:
    """Returns the time of epochs of one `fit`, but for the first."""
    timer = _EpochTimer()
    model.fit(
        batches,
        epochs=repeats + 1,
        callbacks=[timer],
        shuffle=False,
        verbose=0,
    )
    return np.array(timer.seconds[1:])


def _torch_step_seconds(*sizes: Any) -> np.ndarray:
    """Times plain PyTorch in a process where nothing else has run.

    Beside TensorFlow, which has trained in this one, it is half as fast.
    """
    half = keras.config.dtype_policy().name.startswith("mixed")
    network = importlib.import_module("scripts.benchmarks._torch_network")
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as processes:
        return processes.submit(network.step_seconds, *sizes, half).result()


def _row(
    what: str, compared: np.ndarray, target: float, speeds: np.ndarray
) -> dict:
    return {
        **row(what, compared, f"at most {target:.2f}"),
        "policy": keras.config.dtype_policy().name,
        "images_per_second": float(np.median(speeds)),
        "other_images_per_second": float(
            np.median(speeds) * np.median(compared)
        ),
        "input_share": "",
    }


def _plain_model(backbone: keras.Model, num_classes: int) -> keras.Model:
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    logits = keras.layers.Dense(num_classes, dtype="float32")(pooled)
    return keras.Model(backbone.input, logits)


def _compiled(model: keras.Model) -> keras.Model:
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
