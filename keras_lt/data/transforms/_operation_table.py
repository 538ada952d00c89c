"""Operations at levels that draws refer to by a number."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.data.transforms import _leveled_operations as leveled
from keras_lt.data.transforms import _pixel_operations as pixels
from keras_lt.ops import pixel_operations
from keras_lt.types import Tensor

_ENHANCED = ("brightness", "color", "contrast", "sharpness")


class OperationTable:
    """Numbers operations at levels, each in both directions.

    Operation `i` is entry `2 * i`, and `2 * i + 1` in the other direction. The
    last entry, `nothing`, leaves an image as it is.

    Args:
        operations: Names and levels.
    """

    def __init__(self, operations: Sequence[tuple[str, float]]):
        names, levels = zip(*operations, strict=True)
        self.names = np.array([*np.repeat(names, 2), ""])
        self.levels = np.array([*np.repeat(levels, 2), 0.0])
        self.signs = np.array([*np.tile([-1.0, 1.0], len(names)), 1.0])
        self.nothing = 2 * len(names)

    def on_host(
        self, images: np.ndarray, entries: np.ndarray, fill: np.ndarray
    ) -> np.ndarray:
        """Applies an operation to each image.

        Args:
            images: Raw pixels, uint8.
            entries: Of each image, `(batch,)`.
            fill: Byte per channel, for what comes from outside.
        """
        return leveled.apply(
            images,
            self.names[entries],
            self.levels[entries],
            self.signs[entries],
            fill,
        )

    def on_device(
        self, images: Tensor, entries: Tensor, fill: np.ndarray
    ) -> Tensor:
        """Does so by `keras.ops`; each image goes through all operations.

        Args:
            images: Raw pixels, int32.
            entries: Of each image, `(batch,)`, int32.
            fill: Byte per channel, for what comes from outside.
        """

        def own(amounts: np.ndarray, dtype: str = "int32") -> Tensor:
            table = ops.convert_to_tensor(amounts.astype(dtype))
            return ops.take(table, entries, axis=0)

        def only(name: str, changed: Tensor, others: Tensor) -> Tensor:
            chosen = own(self.names == name, "bool")[:, None, None, None]
            return ops.where(chosen, changed, others)

        height, width = images.shape[1:3]
        matrices = own(self._matrices((height, width)))
        fill = ops.convert_to_tensor(fill.astype("int32"))
        images = pixel_operations.moved(images, matrices, fill)
        images = pixel_operations.coarse(images, own(self._steps()))
        images = pixel_operations.solarized(images, own(self._thresholds()))
        start = ops.zeros_like(images)
        start = only("color", pixel_operations.grey(images), start)
        start = only("contrast", pixel_operations.mean_grey(images), start)
        start = only("sharpness", pixel_operations.smooth(images), start)
        factors = own(self._factors(), "float32")
        images = pixel_operations.blended(start, images, factors)
        stretched = pixel_operations.stretched(images)
        equalized = pixel_operations.equalized(images)
        images = only("autocontrast", stretched, images)
        return only("equalize", equalized, images)

    def _matrices(self, size: tuple[int, int]) -> np.ndarray:
        matrices = np.tile([1.0, 0, 0, 0, 1, 0], (len(self.names), 1))
        for name, move in leveled.MOVES.items():
            own = self.names == name
            matrices[own] = move(self.levels[own], self.signs[own], size)
        return pixels.fixed_point(matrices)

    def _steps(self) -> np.ndarray:
        """Bytes become multiples of these: of 1 where they stay."""
        steps = 2.0 ** (8 - leveled.bits(self.levels))
        return np.where(self.names == "posterize", steps, 1)

    def _thresholds(self) -> np.ndarray:
        """Bytes from these on are inverted: from 256 on none."""
        thresholds = leveled.threshold(self.levels)
        thresholds = np.where(self.names == "solarize", thresholds, 256)
        return np.where(self.names == "invert", 0, thresholds)

    def _factors(self) -> np.ndarray:
        """1 leaves an image as it is."""
        enhanced = np.isin(self.names, _ENHANCED)
        return np.where(enhanced, leveled.enhancement(self.levels), 1.0)
