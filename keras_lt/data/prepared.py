"""Reads what TensorFlow Datasets has prepared, without downloading."""

import contextlib
import importlib.util
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

READ_BATCH = 1024
"""Images that are decoded together."""


def find_prepared(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> pathlib.Path | None:
    """Returns the folder of a prepared data set, of its latest version.

    The disk is asked, not TensorFlow Datasets, which would look for a data set
    that is not there on the net.

    Args:
        name: What TensorFlow Datasets calls it, such as `"cifar10"`.
        data_dir: Where to look. By default where TensorFlow Datasets keeps
            its data.

    Returns:
        The folder, or None if there is none or the package is not installed.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        return None
    if data_dir is None:
        data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    folder = pathlib.Path(data_dir).expanduser() / name
    found = [path.parent for path in folder.glob("*/dataset_info.json")]
    return max(found, key=_version, default=None)


def read_prepared(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the training and test images and labels, in their first order.

    TensorFlow Datasets shuffles what it stores. CIFAR's images carry their
    number, by which they are sorted again, as the long-tailed subset of the
    literature depends on the order. Fashion-MNIST's do not, so its subset is
    another draw than that of an `.npz` in the official order.
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)
    arrays = {}
    for part in ("train", "test"):
        images, labels = _read_part(builder, part)
        arrays[f"x_{part}"], arrays[f"y_{part}"] = images, labels
    return arrays


def _read_part(builder: Any, part: str) -> tuple[np.ndarray, np.ndarray]:
    count = builder.info.splits[part].num_examples
    images = np.empty((count, *builder.info.features["image"].shape), "uint8")
    labels = np.empty(count, "int32")
    numbers = np.arange(count)
    for place, example in enumerate(_examples(builder, part)):
        images[place] = example["image"]
        labels[place] = example["label"]
        if "id" in example:
            numbers[place] = _number(example["id"])
    order = np.argsort(numbers, kind="stable")
    if np.array_equal(order, np.arange(count)):
        return images, labels
    return images[order], labels[order]


def _examples(builder: Any, part: str) -> Iterator[dict[str, Any]]:
    import tensorflow_datasets as tfds

    random_access = tfds.core.FileFormat.ARRAY_RECORD
    if builder.info.file_format == random_access:
        # This way does not import TensorFlow.
        source = builder.as_data_source(part)
        yield from (source[place] for place in range(len(source)))
        return
    _keep_tensorflow_off_the_gpu()
    dataset = builder.as_dataset(part, shuffle_files=False)
    for batch in tfds.as_numpy(dataset.batch(READ_BATCH)):
        for place in range(len(batch["label"])):
            yield {key: values[place] for key, values in batch.items()}


def _keep_tensorflow_off_the_gpu() -> None:
    """Stops TensorFlow, as a reader of files, from taking the GPU's memory."""
    if keras.config.backend() == "tensorflow":
        return
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "Data that TensorFlow Datasets stored as TFRecord needs TensorFlow "
            "to be read. Install it, or prepare the data with "
            '`file_format="array_record"`.'
        ) from error
    # What TensorFlow has begun to use already cannot be hidden any more.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")


def _number(identifier: bytes | str) -> int:
    """Returns 42 for `train_00042`."""
    text = identifier.decode() if isinstance(identifier, bytes) else identifier
    return int(text.rpartition("_")[2])


def _version(folder: pathlib.Path) -> list[int]:
    parts = folder.name.split(".")
    return [int(part) if part.isdigit() else -1 for part in parts]
