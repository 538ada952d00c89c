"""Numbers by which the same examples are known again."""

import hashlib
import os
from typing import Any

import numpy as np

from keras_lt.data.examples import Examples
from keras_lt.data.image_files import ImageFiles


def describe_examples(examples: Examples) -> dict[str, Any]:
    """Returns number, shape and check sums, as plain values.

    Pixels are not read: images are told by the rows that they were taken
    from, or by the paths of their files.
    """
    return {
        "examples": len(examples),
        "image_shape": list(examples.x.shape[1:]),
        "rows_sha256": _rows_sha256(examples),
        "labels_sha256": labels_sha256(examples.y),
    }


def check_sum(examples: Examples) -> str:
    """Returns one word for all that tells these examples from others."""
    described = describe_examples(examples)
    parts = (described["rows_sha256"], described["labels_sha256"])
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def labels_sha256(labels: np.ndarray) -> str:
    """Returns the check sum of class ids, in their order."""
    return hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest()


def _rows_sha256(examples: Examples) -> str:
    """Returns the check sum of where the images come from, in their order."""
    digest = hashlib.sha256()
    if isinstance(examples.x, ImageFiles):
        for path in examples.x.paths:
            name = path.replace(os.sep, "/")
            # Names that are not UTF-8 have surrogates.
            digest.update(name.encode(errors="surrogateescape") + b"\n")
    else:
        digest.update(np.asarray(examples.rows).astype("<i8").tobytes())
    return digest.hexdigest()
