"""The benchmarks that have to be on the disk already."""

import os
import pathlib
import zipfile

import numpy as np

from keras_lt.data.arrays import split_of_rows
from keras_lt.data.class_names import CLASS_NAMES
from keras_lt.data.examples import Examples
from keras_lt.data.prepared import find_prepared
from keras_lt.data.prepared import read_prepared
from keras_lt.data.profiles import long_tailed_counts
from keras_lt.data.profiles import long_tailed_rows
from keras_lt.data.split import Split
from keras_lt.validation import check_labels

Arrays = dict[str, np.ndarray]
"""`x_train`, `y_train`, `x_test`, `y_test`, and maybe `index_train`."""

REQUIRED = ("x_train", "y_train", "x_test", "y_test")


def load_benchmark(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    *,
    imbalance_factor: float,
    profile: str,
    validation_fraction: float,
    validation_per_class: int,
    seed: int,
) -> Split:
    """Makes the split of CIFAR and its like; see `data.load`."""
    arrays = _read(name, data_dir)
    full = Examples(
        _with_channels(arrays["x_train"]),
        arrays["y_train"],
        rows=arrays.get("index_train"),
    )
    if "index_train" in arrays:
        rows = _prefix_rows(full.y, imbalance_factor, profile, seed)
    else:
        rows = long_tailed_rows(full.y, imbalance_factor, profile, seed)
    return split_of_rows(
        full,
        rows=rows,
        test=Examples(_with_channels(arrays["x_test"]), arrays["y_test"]),
        validation_fraction=validation_fraction,
        validation_per_class=validation_per_class,
        class_names=CLASS_NAMES[name],
        name=f"{name}_lt",
        settings={
            "imbalance_factor": imbalance_factor,
            "profile": profile,
            "seed": seed,
        },
        seed=seed,
    )


def _read(name: str, data_dir: str | os.PathLike[str] | None) -> Arrays:
    archive = None
    if data_dir is not None:
        if folder := find_prepared(name, data_dir):
            return read_prepared(folder)
        archive = pathlib.Path(data_dir) / f"{name}.npz"
        if archive.is_file():
            return _read_archive(archive)
    if folder := find_prepared(name):
        return read_prepared(folder)
    place = "no `data_dir`" if archive is None else f"no {str(archive)!r}"
    raise ValueError(
        f"The data of {name!r} must be on the disk; nothing is downloaded. "
        f"Received: {place}, and nothing prepared by TensorFlow Datasets. Pass "
        "`data_dir`, or set KERAS_LT_DATA, to a folder with "
        f"{name}.npz (arrays {', '.join(REQUIRED)}), which "
        "`scripts/prepare_data.py` makes of the archive of CIFAR; or prepare "
        "it by TensorFlow Datasets, where TensorFlow stores and reads it: "
        '`pip install "keras-lt[datasets,tensorflow]"`, then '
        f"`tfds.load({name!r}, download=True)`."
    )


def _read_archive(path: pathlib.Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = [*REQUIRED, "index_train"]
            arrays = {key: archive[key] for key in names if key in archive}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            "The data must be a whole .npz file of plain arrays. Received: "
            f"{str(path)!r}: {error}. Copy or make it again."
        ) from error
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        raise ValueError(
            f"{str(path)!r} must hold the arrays {', '.join(REQUIRED)}. "
            f"Received: no {missing[0]}. Write it with `np.savez(path, "
            "x_train=..., y_train=..., x_test=..., y_test=...)`."
        )
    return arrays


def _prefix_rows(
    labels: np.ndarray, imbalance_factor: float, profile: str, seed: int
) -> np.ndarray:
    """Returns each class's first rows, of data already in selected order."""
    if seed != 0:
        raise ValueError(
            "`seed` must be 0 with data that holds a long-tailed subset only, "
            f"as that is the draw it holds. Received: seed={seed}. Use a file "
            "with the full training set."
        )
    ids = check_labels(labels)
    held = np.bincount(ids)
    counts = long_tailed_counts(
        len(held), int(held.max()), imbalance_factor, profile
    )
    if (held < counts).any():
        raise ValueError(
            "The data holds a long-tailed subset only, with "
            f"{held.max()} to {held.min()} images in a class (imbalance "
            f"{held.max() / max(held.min(), 1):.3g}), which must contain the "
            f"one asked for. Received: imbalance_factor={imbalance_factor}, "
            f"profile={profile!r}. Use a greater `imbalance_factor`, or a file "
            "with the full training set."
        )
    order = np.argsort(ids, kind="stable")
    starts = np.cumsum(held) - held
    return np.concatenate(
        [
            order[start : start + count]
            for start, count in zip(starts, counts, strict=True)
        ]
    )


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images[..., None] if images.ndim == 3 else images
