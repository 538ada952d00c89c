"""Raw pixels to numbers of mean 0 and spread 1."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.data.transforms._colour import check_channels
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.types import Tensor

_Kept = tuple[tuple[int, ...], np.ndarray, np.ndarray]


class Normalize(DeviceTransform):
    """Computes `(images * scale - mean) / std`, as float32.

    Args:
        mean: One number, or one per channel, after scaling.
        std: One number, or one per channel, greater than 0.
        scale: Factor on the pixels; 1/255 brings bytes to 0 to 1.

    Raises:
        ValueError: If a number is not finite, or `std` is not above 0; when
            called, if images have another number of channels.

    Example:

    >>> normalize = keras_lt.data.transforms.Normalize(mean=0.5, std=0.25)
    >>> images = np.full((1, 1, 1, 3), 255, "uint8")
    >>> normalize(images, np.zeros(1, int), None)[0].ravel()
    array([2., 2., 2.], dtype=float32)
    """

    random = False

    def __init__(
        self,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        scale: float = 1 / 255,
    ):
        self.mean = np.asarray(mean, dtype="float64")
        self.std = np.asarray(std, dtype="float64")
        self.scale = float(scale)
        self._kept: _Kept | None = None
        finite = all(np.isfinite(v).all() for v in (self.mean, self.std, scale))
        if not finite or (self.std <= 0).any():
            raise ValueError(
                "`mean`, `std` and `scale` must be finite, and `std` greater "
                f"than 0. Received: mean={mean}, std={std}, scale={scale}."
            )

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        # Rows of whole images instead of 3 channels: NumPy is fast along a
        # long last axis only.
        factor, shift = self._rows(images.shape[1:])
        flat = images.reshape(len(images), -1)
        values = np.multiply(flat, factor, dtype="float32")
        values += shift
        return values.reshape(images.shape), labels

    def draw(
        self,
        shape: tuple[int, ...],
        labels: np.ndarray,
        generator: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((shape[0], 0), "int32"), labels

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        factor, shift = (
            ops.convert_to_tensor(values, "float32")
            for values in self._constants(images.shape[-1])
        )
        return ops.cast(images, "float32") * factor + shift

    def _rows(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Returns factor and shift of each number of an image."""
        kept = self._kept  # Another thread may put another shape there.
        if kept is None or kept[0] != shape:
            factor, shift = (
                np.broadcast_to(values, shape).ravel().astype("float32")
                for values in self._constants(shape[-1])
            )
            kept = self._kept = (shape, factor, shift)
        return kept[1:]

    def _constants(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns factor and shift."""
        check_channels("mean", self.mean, channels)
        check_channels("std", self.std, channels)
        return self.scale / self.std, -self.mean / self.std
