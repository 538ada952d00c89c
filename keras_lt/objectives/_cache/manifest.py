"""Says what cached teacher outputs were computed from, and compares it."""

import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.data import ImageFiles
from keras_lt.data import ImageRows
from keras_lt.data import PreparedImages
from keras_lt.data.check_sums import labels_sha256
from keras_lt.objectives._cache.stored_teacher import FORMAT
from keras_lt.objectives.teacher import Teacher
from keras_lt.package_version import package_version
from keras_lt.plain_description import config_sha256
from keras_lt.plain_description import describe
from keras_lt.plain_description import describe_array
from keras_lt.plain_description import first_difference
from keras_lt.plain_description import name_of
from keras_lt.seed_states import is_seed_state

_COMPARED = (
    "keras_lt",
    "data",
    "transform",
    "order",
    "dtype",
    "logits",
)
"""What all teachers of a cache have in common."""


def describe_batches(batches: Batches) -> dict[str, Any]:
    """Returns what the images of batches depend on."""
    by_row = depends_on_row_alone(batches.transform)
    description = {
        "format": FORMAT,
        "keras_lt": package_version("keras-lt"),
        "data": _describe_data(batches),
        "transform": describe(batches.transform),
        "order": None if by_row else _describe_order(batches),
    }
    return json.loads(json.dumps(description))


def check_same_batches(
    saved: dict[str, Any], current: dict[str, Any], folder: pathlib.Path
) -> None:
    """Raises if a cache is for other batches, and names the first difference.

    Args:
        saved: The manifest of a teacher in the cache.
        current: What is compared, which may lack some entries.
        folder: Where the cache is.
    """
    for key in _COMPARED:
        if key not in current:
            continue
        found = first_difference(saved.get(key), current[key], key)
        if found:
            _refuse(*found, folder)
    epochs = current.get("epochs")
    if epochs is not None and epochs > saved["epochs"]:
        _refuse("epochs", saved["epochs"], epochs, folder)


def check_same_teacher(
    saved: dict[str, Any], current: dict[str, Any], name: str
) -> None:
    """Raises if a teacher is not the one of this name in the cache."""
    found = first_difference(saved, current)
    if found:
        raise ValueError(
            f"The teacher {name!r} must be the one that the cache holds under "
            f"this name. Received: another one: its {found[0]} is "
            f"{_short(found[2])}, that in the cache {_short(found[1])}. To "
            f"replace it, call `cache.remove({name!r})` first; to have both, "
            "pass another `name`, or use another folder."
        )


def _refuse(key: str, saved: Any, current: Any, folder: pathlib.Path) -> None:
    raise ValueError(
        "A cache of teachers must be for the batches that it is used with. "
        f"Received: batches with {key}={_short(current)}, and a cache in "
        f"{str(folder)!r} with {key}={_short(saved)}. Call `cache.remove()` "
        "and add the teachers again, or use another folder."
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def depends_on_row_alone(transform: Any) -> bool:
    """Tells whether a row gives the same image whenever it comes."""
    if transform is None:
        return True
    if getattr(transform, "mixes_examples", False):
        return False
    return not getattr(transform, "random", True)


def describe_teacher(teacher: Teacher) -> dict[str, Any]:
    """Returns what the outputs of a teacher depend on."""
    return {
        "class": name_of(type(teacher.model)),
        "features": teacher.features,
        "feature_dim": teacher.feature_dim,
        "num_classes": teacher.num_classes,
        "image_shape": list(teacher.image_shape),
        "config_sha256": config_sha256(teacher.model),
        "weights_sha256": _weights_sha256(teacher.variables),
    }


def _describe_data(batches: Batches) -> dict[str, Any]:
    """Returns what the images of each row depend on, and the labels."""
    return {
        "examples": len(batches.labels),
        "images": _describe_images(batches.images),
        "labels_sha256": labels_sha256(batches.labels),
    }


def _describe_order(batches: Batches) -> dict[str, Any]:
    """Returns what else the images of a random transform depend on."""
    return {
        "sampler": describe(batches.sampler),
        "seed": batches.seed,
        "batch_size": batches.batch_size,
        "last_batch": batches.last_batch,
        "shard": list(batches.shard),
    }


def _describe_images(images: Any) -> Any:
    if isinstance(images, np.ndarray):
        return describe_array(images)
    if isinstance(images, ImageFiles):
        # The folder may move, so that only the names in it count.
        text = "\n".join(images.paths).replace("\\", "/")
        return {
            "class": name_of(ImageFiles),
            "shape": list(images.shape),
            "crop_to_aspect_ratio": images.crop_to_aspect_ratio,
            "paths_sha256": hashlib.sha256(
                text.encode(errors="surrogateescape")
            ).hexdigest(),
        }
    if isinstance(images, PreparedImages):
        return {
            "class": name_of(PreparedImages),
            "shape": list(images.shape),
            "crop_to_aspect_ratio": images.crop_to_aspect_ratio,
            # Of the folder, the name and the version of the data.
            "data": list(images.folder.parts[-2:]),
            "part": images.part,
            "rows": describe_array(images.rows),
        }
    if isinstance(images, ImageRows):
        return {
            "class": name_of(ImageRows),
            "source": _describe_images(images.source),
            "rows": describe_array(images.rows),
        }
    shape = getattr(images, "shape", (len(images),))
    return {"class": name_of(type(images)), "shape": list(shape)}


def _weights_sha256(variables: Iterable[keras.Variable]) -> str:
    digest = hashlib.sha256()
    for variable in variables:
        if is_seed_state(variable):
            continue  # Dropout and augmentation do nothing in inference.
        array = keras.ops.convert_to_numpy(variable)
        if array.dtype.kind not in "iufb":  # As bfloat16 is, without rounding.
            array = array.astype("float32")
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
