"""Batches whose images are made on the device, inside the compiled step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.data._batch_checks import check_device_images
from keras_lt.data._look_ahead import LookAhead
from keras_lt.data.batch_extra import BatchExtra
from keras_lt.data.batches import Batches
from keras_lt.data.transforms._device_check import check_device_transform
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.samplers import Sampler
from keras_lt.types import Tensor


class DeviceBatches(Batches):
    """Batches that keep a GPU busy: images live and are augmented there.

    In `fit` of `LongTailModel` and `EarlyExitModel`, all images are copied to
    the device once. Each step is sent a few numbers per image: its row, and
    what the transform drew for it. The step takes the images by row, and
    augments and normalises them, as a part of the compiled program. Objectives
    and teachers see the same images. When `fit` returns, the device is free of
    them again; they are in no file that is saved meanwhile.

    The batches are those of `Batches` with the same arguments, to the rounding
    of float32, and of bytes in `AutoAugment` and `RandAugment`, so that either
    gives the same training. Everywhere else, in `evaluate`, in the hands of an
    objective or of a plain Keras model, these are `Batches`, with images made
    on the host.

    For images that fit into the memory of the device beside the network:
    those of CIFAR-100 take 150 MB.

    Args:
        examples: As in `Batches`, with images in one array of uint8 or
            float32, `(examples, height, width, channels)`.
        batch_size: As in `Batches`.
        sampler: As in `Batches`.
        transform: A `transforms.DeviceTransform`, such as `RandomCrop`,
            `RandomFlip`, `AutoAugment`, `Cutout`, `Normalize`, `Mixup`, and
            `Compose` of these, or None.
        seed: As in `Batches`.
        **kwargs: The other arguments of `Batches`. A `BatchExtra` among
            `extras` looks at images, which are made on the host for it.

    Raises:
        ValueError: If an argument is wrong, the images are not such an array,
            or the transform runs on the host only.

    Example:

    >>> images = np.zeros((10, 8, 8, 3), "uint8")
    >>> transform = keras_lt.data.transforms.cifar()
    >>> batches = keras_lt.data.DeviceBatches(
    ...     (images, np.arange(10) % 2), batch_size=4, transform=transform
    ... )
    >>> inputs = keras.Input((8, 8, 3))
    >>> backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    >>> model = keras_lt.LongTailModel(backbone, num_classes=2)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("sgd", loss=loss)
    >>> history = model.fit(batches, epochs=2, verbose=0)
    >>> x, y = batches[0]
    >>> x.shape
    (4, 8, 8, 3)
    """

    def __init__(
        self,
        examples: Any,
        batch_size: int = 128,
        sampler: Sampler | None = None,
        transform: TransformFunction | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(
            examples, batch_size, sampler, transform, seed, **kwargs
        )
        check_device_images(self.images, self.check_finite)
        if transform is not None:
            check_device_transform(transform)

    def drawn(self) -> keras.utils.PyDataset:
        """Returns the same batches with numbers in the place of images.

        The inputs are `{"draws": (batch, 1 + num_draws)}` in int32: the rows,
        then what the transform drew. It is what `fit` sends to the device.
        """
        return _Drawn(self)

    def images_of(self, images: Tensor, draws: Tensor) -> Tensor:
        """Makes the images of a batch, by `keras.ops`.

        Args:
            images: All images, on the device.
            draws: Rows, and what was drawn, as `drawn` gives them.
        """
        taken = ops.take(images, draws[:, 0], axis=0)
        if self.transform is None:
            return taken
        transform = check_device_transform(self.transform)
        return transform.apply(taken, draws[:, 1:])

    def _start(self, num_threads: int) -> None:
        super()._start(num_threads)
        self._draw_ahead = LookAhead(self._draw, len(self), num_threads)

    def _drawn_batch(self, index: int) -> tuple[dict[str, np.ndarray], Tensor]:
        self._check_order(index)
        return self._draw_ahead.get(self.epoch, index)

    def _draw(
        self, epoch: int, index: int
    ) -> tuple[dict[str, np.ndarray], Tensor]:
        """Draws the numbers of one batch; runs in any thread."""
        rows = self._rows_of(epoch, index)
        labels, draws = self.labels[rows], rows[:, None].astype("int32")
        if self.transform is not None:
            own, labels = check_device_transform(self.transform).draw(
                (len(rows), *self.images.shape[1:]),
                labels,
                self._generator(epoch, index),
            )
            draws = np.concatenate([draws, own], axis=1)
        images = None
        if any(isinstance(e, BatchExtra) for e in self.extras.values()):
            _, images, _ = self._examples(epoch, index, rows)
        targets = self._targets(epoch, index, rows, images, labels)
        return {"draws": draws}, targets


class _Drawn(keras.utils.PyDataset):
    """What a step is sent of `DeviceBatches`."""

    def __init__(self, batches: DeviceBatches) -> None:
        # More workers of Keras would mix the batches of two epochs.
        super().__init__(workers=1)
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], Tensor]:
        return self.batches._drawn_batch(int(index))
