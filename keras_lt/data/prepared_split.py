"""Splits that TensorFlow Datasets has prepared, read by row."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_lt.data._label_cache import labels_of
from keras_lt.data.arrays import split_of_rows
from keras_lt.data.examples import Examples
from keras_lt.data.prepared import find_prepared
from keras_lt.data.prepared_images import PreparedImages
from keras_lt.data.prepared_images import prepared_info
from keras_lt.data.split import Split
from keras_lt.validation import check_fraction
from keras_lt.validation import check_labels


def from_tfds(
    name: Any,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    train: str = "train",
    validation: str | None = None,
    test: str | None = None,
    image_size: tuple[int, int] = (224, 224),
    validation_fraction: float = 0.0,
    image_key: str = "image",
    label_key: str = "label",
    class_names: Sequence[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    **reading: Any,
) -> Split:
    """Makes a split of what TensorFlow Datasets has prepared, unread.

    Nothing is downloaded or prepared. The data must be stored as array_record,
    so that each row can be read by itself:

    ```
    tfds build imagenet_lt --file_format=array_record --manual_dir=...
    ```

    The first time, the labels are read from all records, without decoding an
    image, and are kept in a small file beside them.

    Args:
        name: What TensorFlow Datasets calls the data, such as
            `"imagenet_lt"`; or a builder, for data with configurations.
        data_dir: Where the data is. By default where TensorFlow Datasets keeps
            it.
        train: Name of the split to train on.
        validation: Name of the split to choose settings on.
        test: Name of the split to test on.
        image_size: Height and width that images are resized to.
        validation_fraction: Share of each training class that is held out if
            `validation` is not given, from 0 to below 1.
        image_key: Name of the feature that holds the images.
        label_key: Name of the feature that holds the labels.
        class_names: Name of each class, by label. By default as stored.
        cache_dir: Where the labels are kept; for data in a folder that cannot
            be written to.
        seed: Decides the validation slice.
        **reading: `color`, `crop_to_aspect_ratio` and `num_threads` of
            `data.PreparedImages`.

    Returns:
        A `data.Split` with lazy images.

    Raises:
        ValueError: If the data is not there, cannot be read by row, or has no
            such split or feature.

    Example:

    ```python
    split = data.from_tfds("imagenet_lt", validation="validation", test="test")
    batches = data.Batches(
        split.train,
        sampler=samplers.ClassBalanced(),
        transform=data.transforms.imagenet(),
    )
    ```
    """
    check_fraction("validation_fraction", validation_fraction, open_end=True)
    folder = _folder(name, data_dir)
    info = prepared_info(folder, image_key, label_key)
    if class_names is None:
        class_names = _class_names(info.features[label_key], label_key)
    parts = {
        part: _examples(
            PreparedImages(folder, stored, image_size, image_key, **reading),
            label_key,
            len(class_names),
            cache_dir,
        )
        for part, stored in {
            "train": train,
            "validation": validation,
            "test": test,
        }.items()
        if stored is not None
    }
    held_out = 0.0 if validation else validation_fraction
    split = split_of_rows(
        parts["train"],
        test=parts.get("test"),
        validation_fraction=held_out,
        class_names=class_names,
        name=info.name,
        settings={"seed": seed, "version": str(info.version)},
        seed=seed,
    )
    if validation is None:
        return split
    return dataclasses.replace(split, validation=parts["validation"])


def _class_names(feature: Any, label_key: str) -> Sequence[str]:
    names = getattr(feature, "names", None)
    if names is None:
        raise ValueError(
            "`label_key` must be a feature that names its classes, or "
            f"`class_names` be given. Received: {label_key!r}, a "
            f"{type(feature).__name__}. Pass a name for each class, such as "
            "its number."
        )
    return names


def _folder(name: Any, data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    if not isinstance(name, str):
        return pathlib.Path(name.data_dir)
    folder = find_prepared(name, data_dir)
    if folder is None:
        raise ValueError(
            "`name` must be data that TensorFlow Datasets has prepared. "
            f"Received: {name!r}, which is not in "
            f"{os.fspath(data_dir or 'the usual folder')!r}, or the package is "
            f"not installed. Prepare it with `tfds build {name} "
            "--file_format=array_record`, or pass `data_dir`."
        )
    return folder


def _examples(
    images: PreparedImages,
    label_key: str,
    num_classes: int,
    cache_dir: str | os.PathLike[str] | None,
) -> Examples:
    labels = labels_of(images, label_key, cache_dir)
    if len(labels) and np.all(labels < 0):
        raise ValueError(
            "A part must have labels. Received: "
            f"{images.part!r} of {str(images.folder)!r}, whose labels were "
            "not published. Use another part, or pass None for it."
        )
    labels = check_labels(labels, num_classes, f"{images.part} labels")
    return Examples(images, labels)
