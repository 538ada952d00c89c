"""What batches refuse, and the words for it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_lt.data.batch_extra import BatchExtra
from keras_lt.samplers import InstanceBalanced
from keras_lt.samplers import Sampler


def images_and_labels(examples: Any) -> tuple[Any, Any]:
    """Returns the images, which may be lazy, and the labels."""
    pair = isinstance(examples, tuple | list) and len(examples) == 2
    if not pair and not (hasattr(examples, "x") and hasattr(examples, "y")):
        raise ValueError(
            "`examples` must have `.x` and `.y`, or be a pair of images and "
            f"labels. Received: an object of type {type(examples).__name__}. "
            "Pass `split.train`, or `(x_train, y_train)`."
        )
    images, labels = examples if pair else (examples.x, examples.y)
    if isinstance(images, list | tuple):
        images = np.asarray(images)
    if len(labels) == 0:
        raise ValueError(
            "`examples` must hold at least one example. Received: none. Check "
            "the split that they come from."
        )
    if len(images) != len(labels):
        raise ValueError(
            "`examples` must have one label per image. Received: "
            f"{len(images)} images and {len(labels)} labels. Pass both from "
            "the same split."
        )
    return images, labels


def check_sampler(sampler: Any) -> Sampler:
    """Returns the sampler, or raises if it is something else."""
    if sampler is None:
        return InstanceBalanced()
    if not isinstance(sampler, Sampler):
        name = sampler if isinstance(sampler, type) else type(sampler)
        raise ValueError(
            "`sampler` must be an instance of `keras_lt.samplers.Sampler`. "
            f"Received: {'the class ' if name is sampler else ''}"
            f"{name.__name__}. Pass for instance "
            "`keras_lt.samplers.ClassBalanced()`."
        )
    return sampler


def check_extras(
    extras: Mapping[str, Any] | None, num_examples: int, transform: Any
) -> dict[str, Any]:
    """Returns arrays and `BatchExtra`s, or raises if they cannot go along."""
    checked = {
        name: values
        if isinstance(values, BatchExtra)
        else np.asanyarray(values)
        for name, values in (extras or {}).items()
    }
    if "label" in checked:
        raise ValueError(
            "`extras` must have names other than 'label', under which the "
            "labels go along. Received: 'label'. Choose another name."
        )
    arrays = {k: v for k, v in checked.items() if isinstance(v, np.ndarray)}
    if arrays and getattr(transform, "mixes_examples", False):
        raise ValueError(
            "Arrays in `extras` must belong to one example each, but the "
            f"transform mixes examples. Received: extras={sorted(arrays)}. "
            "Leave out mixup and cutmix, or these extras."
        )
    for name, values in arrays.items():
        if values.ndim == 0 or len(values) != num_examples:
            raise ValueError(
                "Arrays in `extras` must have one entry per example, "
                f"{num_examples}. Received: {name!r} of shape {values.shape}. "
                "Make it in the order of the examples."
            )
    return checked


def check_epoch_length(
    sampler: Sampler, rows: np.ndarray, num_draws: int
) -> None:
    """Raises if a sampler would change the number of batches."""
    if len(rows) != num_draws:
        raise ValueError(
            "A sampler must give as many rows as there are examples, in every "
            f"epoch. Received: {len(rows)} rows from {sampler!r}, for "
            f"{num_draws} examples. Repeat rows, or leave rows out."
        )


def check_finite_images(images: np.ndarray, rows: np.ndarray) -> None:
    """Raises if an image holds NaN or infinity, and names its row."""
    if images.dtype.kind != "f":
        return
    with np.errstate(invalid="ignore", over="ignore"):
        # One sum finds out fast; it may overflow without any bad pixel.
        if np.isfinite(images.sum()):
            return
    axes = tuple(range(1, images.ndim))
    wrong = np.flatnonzero(~np.isfinite(images).all(axis=axes))
    if len(wrong):
        raise ValueError(
            "Images must be finite. Received: NaN or infinity in "
            f"{len(wrong)} of {len(images)} images of a batch, first at row "
            f"{rows[wrong[0]]} of the examples. Repair or drop these rows, or "
            "pass `check_finite=False`."
        )


def check_device_images(images: Any, finite: bool) -> None:
    """Raises if images are no array that the device can hold.

    Args:
        images: All of them.
        finite: Whether NaN and infinity raise.
    """
    kind = type(images).__name__
    if isinstance(images, np.ndarray):
        if images.ndim == 4 and images.dtype in (np.uint8, np.float32):
            if finite:
                check_finite_images(images, np.arange(len(images)))
            return
        kind = f"an array of {images.dtype} of shape {images.shape}"
    raise ValueError(
        "The images of `DeviceBatches` must be one array in memory, uint8 or "
        "float32 of shape (examples, height, width, channels). Received: "
        f"{kind}. Load or convert them before, or use `Batches`."
    )
