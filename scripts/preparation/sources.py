"""Turns what people have into arrays of training and test images."""

import pathlib

import numpy as np

from keras_lt import data
from keras_lt.data.prepared import find_prepared
from keras_lt.data.prepared import read_prepared
from scripts.preparation.cifar_binary import read_cifar

Arrays = dict[str, np.ndarray]
"""`x_train`, `y_train`, `x_test`, `y_test`, and maybe `class_names`."""


def read(
    source: str,
    *,
    image_size: int,
    test_fraction: float,
    seed: int,
    data_dir: str | None,
) -> Arrays:
    """Reads an archive, a data set of TensorFlow Datasets, or a folder.

    Raises:
        ValueError: If there is no such thing, or it cannot be read.
    """
    if source.startswith("tfds:"):
        return _prepared(source.removeprefix("tfds:"), data_dir)
    path = pathlib.Path(source)
    if path.is_dir():
        return _folder(path, image_size, test_fraction, seed)
    if path.is_file():
        return read_cifar(path)
    raise ValueError(
        "`from` must be an archive, a folder, or tfds:NAME. Received: "
        f"{source!r}, which is not there."
    )


def _prepared(name: str, data_dir: str | None) -> Arrays:
    folder = find_prepared(name, data_dir)
    if folder is None:
        place = "its usual folder" if data_dir is None else repr(data_dir)
        raise ValueError(
            "The data must be prepared by TensorFlow Datasets already. "
            f"Received: {name!r}, which is not in {place}. Prepare it once, "
            f"with `tfds.load({name!r}, download=True)`."
        )
    return read_prepared(folder)


def _folder(
    path: pathlib.Path, image_size: int, test_fraction: float, seed: int
) -> Arrays:
    split = data.from_directory(
        path,
        validation_fraction=0.0,
        test_fraction=test_fraction,
        image_size=(image_size, image_size),
        seed=seed,
    )
    if split.validation is not None:
        raise ValueError(
            "The folder must have images to train and to test on, which is "
            f"what the file holds. Received: {str(path)!r}, with a folder of "
            "validation images. Call that one `test`, or move its images into "
            "`train`."
        )
    arrays = {"class_names": np.array(split.class_names)}
    for name in ("train", "test"):
        part = split.parts().get(name)
        if part is not None:
            arrays[f"x_{name}"] = np.asarray(part.x[np.arange(len(part))])
            arrays[f"y_{name}"] = part.y
    return arrays
