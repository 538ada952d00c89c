"""What an exported folder says of itself."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.data.transforms import Compose
from keras_lt.data.transforms import Normalize
from keras_lt.package_version import package_version
from keras_lt.types import Config

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
RULE = (
    "An image leaves at the first stage whose score is greater than the "
    "threshold of that stage, and at the last stage if there is none. The "
    "score is the largest softmax probability (confidence), or 1 - entropy / "
    "log(classes) (entropy), of the logits of that stage."
)


def describe_preprocessing(preprocessing: Any) -> Config | None:
    """Returns `scale`, `mean` and `std` as plain values.

    Args:
        preprocessing: None, a mapping with these names, a `Normalize`, or a
            `Compose` of one `Normalize`.
    """
    if isinstance(preprocessing, Compose) and len(preprocessing.transforms) < 2:
        (preprocessing,) = preprocessing.transforms or (None,)
    if preprocessing is None:
        return None
    if isinstance(preprocessing, Mapping):
        unknown = set(preprocessing) - {"scale", "mean", "std"}
        if not unknown and {"mean", "std"} <= set(preprocessing):
            preprocessing = Normalize(**preprocessing)
    if not isinstance(preprocessing, Normalize):
        raise ValueError(
            "`preprocessing` must be a `transforms.Normalize`, alone or in a "
            "`Compose`, or a dict of `mean`, `std` and perhaps `scale`, since "
            "the runner computes (images * scale - mean) / std and no more. "
            f"Received: {preprocessing!r}. Put other steps into the model, or "
            "apply them to the images."
        )
    return {
        "scale": preprocessing.scale,
        "mean": preprocessing.mean.tolist(),
        "std": preprocessing.std.tolist(),
    }


def describe_tensor(tensor: keras.KerasTensor) -> Config:
    """Returns shape, with null for what varies, and dtype."""
    return {
        "shape": [None, *tensor.shape[1:]],
        "dtype": str(tensor.dtype),
    }


def check_class_names(
    class_names: Sequence[str] | None, num_classes: int
) -> list[str] | None:
    """Returns the names as a list, or raises if they are not one a class."""
    if class_names is None:
        return None
    names = [str(name) for name in class_names]
    if len(names) != num_classes:
        raise ValueError(
            "`class_names` must hold one name for each of the "
            f"{num_classes} logits. Received: {len(names)}. Pass the names in "
            "the order of the class ids, such as `split.class_names`."
        )
    return names


def write_manifest(folder: pathlib.Path, content: Config) -> None:
    """Writes the manifest, with check sums of all files that are there."""
    sums = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({**content, "sha256": sums}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def made_with() -> Config:
    """Returns the backend, and the versions of what wrote the files."""
    backend = keras.config.backend()
    names = ("keras-lt", "keras", backend)
    versions = {name: package_version(name) for name in names}
    return {"backend": backend, "versions": versions}


def _sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
