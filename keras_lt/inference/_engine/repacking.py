"""Makes full batches out of batches of any sizes."""

from collections.abc import Iterable
from collections.abc import Iterator

import keras
import numpy as np

from keras_lt.image_shapes import shapes_agree


def full_batches(
    batches: Iterable[np.ndarray],
    batch_size: int,
    image_shape: tuple[int | None, ...] | None = None,
) -> Iterator[np.ndarray]:
    """Yields arrays of `batch_size` images, and the rest in a last one.

    Images are copied, so that a source may use its memory again at once.

    Args:
        batches: Of any sizes, 0 included.
        batch_size: Number of images of what is yielded.
        image_shape: Of one image; `None` is any.
    """
    full: np.ndarray | None = None
    filled = 0
    for batch in batches:
        images = _checked(batch, image_shape)
        while len(images):
            if full is None:
                full = np.empty((batch_size, *images.shape[1:]), images.dtype)
            part = images[: batch_size - filled]
            _check_alike(part, full)
            full[filled : filled + len(part)] = part
            filled += len(part)
            images = images[len(part) :]
            if filled == batch_size:
                yield full
                full, filled = None, 0
    if full is not None:
        yield full[:filled]


def _checked(
    images: np.ndarray, image_shape: tuple[int | None, ...] | None
) -> np.ndarray:
    if images.dtype.kind not in "fiub" or images.ndim < 2:
        raise ValueError(
            "`x` must hold batches of numbers. Received: shape "
            f"{images.shape} and dtype {images.dtype}. Decode images to "
            "arrays of shape (batch, height, width, channels)."
        )
    if image_shape is not None:
        if _lacks_channel(images.shape, image_shape):
            images = images[..., None]  # As Keras does in `fit`.
        if not shapes_agree(images.shape[1:], image_shape):
            hint = "Resize the images, or build the model for their shape."
            if shapes_agree(images.shape, image_shape):
                hint = "Pass a single image as `image[None]`, a batch of one."
            raise ValueError(
                f"`x` must hold images of shape {image_shape}. Received: "
                f"images of shape {images.shape[1:]}. {hint}"
            )
    if images.dtype.kind == "f":
        return images.astype(keras.config.floatx(), copy=False)
    if images.dtype.itemsize == 8:
        return _as_int32(images)
    return images


def _as_int32(images: np.ndarray) -> np.ndarray:
    """Returns whole numbers as all backends take them, or raises."""
    limits = np.iinfo("int32")
    if images.size and (images.min() < limits.min or images.max() > limits.max):
        raise ValueError(
            "Whole numbers in `x` must fit into 32 bits. Received: "
            f"{images.dtype} from {images.min()} to {images.max()}. Pass "
            "`x.astype('float32')`, as networks compute with."
        )
    return images.astype("int32")


def _lacks_channel(
    shape: tuple[int, ...], image_shape: tuple[int | None, ...]
) -> bool:
    """Tells grey images that come without an axis for their one channel."""
    return (
        image_shape[-1] == 1
        and shapes_agree(shape[1:], image_shape[:-1])
        and not shapes_agree(shape, image_shape)  # A single image is refused.
    )


def _check_alike(part: np.ndarray, full: np.ndarray) -> None:
    """Raises if images that share a batch are of different kinds."""
    alike = part.shape[1:] == full.shape[1:]
    if not alike or not np.can_cast(part.dtype, full.dtype, "safe"):
        raise ValueError(
            "All batches must hold images of one shape and type. Received: "
            f"{part.dtype} images of shape {part.shape[1:]} after "
            f"{full.dtype} images of shape {full.shape[1:]}. Resize and cast "
            "them before, or predict them apart."
        )
